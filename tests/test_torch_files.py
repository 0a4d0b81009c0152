"""PyTorch's files: what `torch.save` writes is read to the same bits without it, and nothing in a file is ever run."""

import collections
import io
import os
import pickle
import struct
import sys
import tracemalloc
import zipfile

import numpy
import pytest
from later import torch

import minitransformer as mt
from minitransformer.files import FileError

FORMS = {
    "archive": {},
    "older": {"_use_new_zipfile_serialization": False},
    "protocol 3": {"pickle_protocol": 3},
    "protocol 4": {"pickle_protocol": 4},
    "protocol 5": {"pickle_protocol": 5},
}


def written(obj, **form):
    file = io.BytesIO()
    torch.save(obj, file, **form)
    return file.getvalue()


def read(content, **options):
    return mt.load(io.BytesIO(content), **options)


def refused(content):
    with pytest.raises(FileError) as caught:
        read(content)
    line = str(caught.value)
    assert line.startswith("the file: ") and line.isprintable() and len(line) < 1500
    return line


def assert_equal(got, expected):
    if isinstance(expected, torch.Tensor):
        narrow = expected.dtype == torch.bfloat16
        there = expected.detach().float() if narrow else expected.detach()
        assert str(got.dtype) == str(expected.dtype).removeprefix("torch.")
        got = got.detach().float().requires_grad_(got.requires_grad) if narrow else got
        assert (got.shape, got.requires_grad) == (tuple(expected.shape), expected.requires_grad)
        assert isinstance(got, mt.nn.Parameter) == isinstance(expected, torch.nn.Parameter)
        assert got.detach().numpy().dtype == there.numpy().dtype
        assert got.detach().numpy().tobytes() == there.contiguous().numpy().tobytes()
    elif isinstance(expected, dict):
        assert type(got) is dict and list(got) == list(expected)
        for key in expected:
            assert_equal(got[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert type(got) is (list if isinstance(expected, list) else tuple) and len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            assert_equal(g, e)
    else:
        assert type(got) is type(expected) and got == expected


def zoo():
    random = torch.Generator().manual_seed(0)
    table = torch.randn(4, 6, generator=random)
    kinds = "float16 bfloat16 float32 float64 int8 int16 int32 int64 uint8 bool".split()
    return {
        "kinds": [
            (10 * torch.randn(3, 2, generator=random)).abs().to(getattr(torch, kind)) for kind in kinds
        ],
        "forms": (torch.tensor(3.0), torch.zeros(0, 3), torch.zeros(2, 0), table, table.t(), table[1:, ::2]),
        "more forms": [
            torch.ones(1).expand(5),
            table[1],
            table[:, 2],
            table.unfold(1, 3, 1),
            table.permute(1, 0),
        ],
        "trained": (torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2), False)),
        "grad": torch.ones(2, requires_grad=True),
        "plain": [
            None,
            True,
            False,
            1,
            -5,
            300,
            70000,
            2**40,
            -(2**70),
            2.5,
            "",
            "\u00e4\u20ac",
            b"\x00\xff",
            (),
            [],
            {},
        ],
        "sizes": (torch.Size([2, 3]), torch.Size([])),
        "ordered": collections.OrderedDict([("b", 1), ("a", torch.ones(1))]),
        "counted": collections.Counter([3, 3, 4]),
        3: {"nested": {"deeply": [({},)]}},
        "long": "x" * 70000,
        "many": list(range(1500)),
    }


@pytest.mark.parametrize("form", FORMS)
def test_everything_is_read_to_the_same_bits(form):
    assert_equal(read(written(zoo(), **FORMS[form])), zoo())


@pytest.mark.parametrize("form", FORMS)
def test_names_of_devices_and_dtypes(form):
    got = read(
        written(
            [torch.device("cpu"), torch.device("cuda", 1), torch.device("mps"), torch.float32], **FORMS[form]
        )
    )
    assert got == ["cpu", "cuda:1", "mps", mt.float32] and got[1].index == 1


OPTIMISERS = {
    "SGD": {"momentum": 0.9}, "Adam": {"amsgrad": True}, "AdamW": {}, "RMSprop": {"centered": True}, "Adagrad": {},
    "Adadelta": {}, "Adamax": {}, "NAdam": {}, "RAdam": {}, "ASGD": {}, "Rprop": {},
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMISERS)
def test_states_of_models_and_optimisers(name):
    model = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    optimiser = getattr(torch.optim, name)(model.parameters(), **OPTIMISERS[name])
    model(torch.ones(1, 3, 8)).sum().backward()
    optimiser.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [3, 5])
    state = {
        "model": model.state_dict(),
        "optimizer": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
    }
    assert_equal(read(written(state)), state)


def test_a_model_of_pytorch_s_computes_the_same_here():
    layers = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
    theirs = torch.nn.TransformerEncoder(layers, 2, enable_nested_tensor=False).double()
    layer = mt.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
    ours = mt.nn.TransformerEncoder(layer, 2).double()
    ours.load_state_dict(read(written(theirs.state_dict())))
    x = numpy.random.default_rng(0).standard_normal((5, 3, 8))
    expected = theirs(torch.tensor(x)).detach().numpy()
    numpy.testing.assert_allclose(ours(mt.tensor(x)).detach().numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_memory_that_is_shared_there_is_shared_here(form):
    table = torch.arange(6.0).reshape(2, 3)
    got = read(
        written({"whole": table, "row": table[1], "turned": table.t(), "own": table.clone()}, **FORMS[form])
    )
    with mt.no_grad():
        got["whole"].fill_(9)
    assert got["row"].tolist() == [9, 9, 9] and got["turned"].tolist() == [[9, 9]] * 3
    assert got["own"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_an_edit_of_shared_memory_is_seen_by_backward():
    table = torch.ones(2)
    got = read(written([table, table[:]]))
    x = got[0].requires_grad_()
    y = (x * x).sum()
    with mt.no_grad():
        got[1].fill_(5)
    with pytest.raises(RuntimeError, match="edited in place"):
        y.backward()


def test_the_device_that_a_file_names(monkeypatch):
    content = rezipped(
        written([torch.ones(2), torch.ones(3)]), {"data.pkl": lambda data: data.replace(b"cpu", b"hip")}
    )
    asked = []

    def keep(storage, location):
        asked.append((storage.shape, location))
        return storage

    assert [t.device for t in read(content, map_location=keep)] == ["cpu", "cpu"]
    assert asked == [((2,), "hip"), ((3,), "hip")]
    assert read(content, map_location={"hip": "cpu"})[0].device == "cpu"
    assert read(content)[0].device == mt.ones(1).device


def test_the_other_byte_order():
    kinds = [
        torch.tensor([1.5, -2.0]),
        torch.tensor([258, 3]),
        torch.tensor([1.5]).bfloat16(),
        torch.tensor([True]),
    ]
    other = "big" if sys.byteorder == "little" else "little"
    sizes = {"data/0": 4, "data/1": 8, "data/2": 2, "data/3": 1}

    def turned(size):
        return lambda data: numpy.frombuffer(data, f"u{size}").byteswap().tobytes()

    changes = {name: turned(size) for name, size in sizes.items()} | {
        "byteorder": lambda data: other.encode()
    }
    assert_equal(read(rezipped(written(kinds), changes)), kinds)
    assert "byte order little or big, got 'middle'" in refused(
        rezipped(written(kinds), {"byteorder": lambda data: b"middle"})
    )


def test_an_old_archive_without_a_byte_order():
    content = rezipped(
        written(torch.ones(2)), {"byteorder": None, ".format_version": None, ".storage_alignment": None}
    )
    assert read(content).tolist() == [1, 1]


# ---- what is not read ----


@pytest.mark.parametrize("form", ["archive", "older"])
@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
        (lambda: {"best": numpy.float64(1)}, "numpy._core.multiarray.scalar, numpy.dtype"),
        (lambda: torch.tensor([1j]), "torch.ComplexFloatStorage"),
        (lambda: torch.eye(2).to_sparse(), "torch._utils._rebuild_sparse_tensor"),
        (lambda: {"args": __import__("argparse").Namespace(lr=1)}, "argparse.Namespace"),
        (lambda: [torch.ones(1), os.system], "system"),
    ],
)
def test_other_kinds_are_named(make, names, form):
    line = refused(written(make(), **FORMS[form]))
    assert names in line and "save model.state_dict() where it was made" in line


class Calls:
    """A pickle that runs something when it is read."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def archived(pickled, storages=None, name="x"):
    """An archive as PyTorch's around any pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}/data.pkl", pickled)
        for key, content in (storages or {}).items():
            archive.writestr(f"{name}/data/{key}", content)
    return file.getvalue()


def rezipped(content, changes):
    """An archive with some members changed, or taken out by None."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for member in old.infolist():
            change = changes.get(member.filename.partition("/")[2], lambda data: data)
            if change is not None:
                new.writestr(member.filename, change(old.read(member)))
    return file.getvalue()


@pytest.mark.parametrize("protocol", range(2, 6))
def test_nothing_is_run(protocol, tmp_path):
    trace = tmp_path / "trace"
    for hostile in (
        Calls(os.mkdir, str(trace)),
        Calls(eval, f"__import__('os').mkdir({str(trace)!r})"),
        Calls(open, str(trace), "w"),
    ):
        pickled = pickle.dumps({"a": [hostile]}, protocol=protocol)
        with pytest.raises(
            FileError, match="the file: it holds (posix|nt|builtins|__builtin__|io|_io).*only tensors"
        ):
            read(archived(pickled))
        refused(pickled)
    assert not trace.exists()


def test_attributes_are_set_on_nothing_of_ours():
    """BUILD would write them into the object below, if that were a function or a class of this package."""
    for name in ("torch._utils _rebuild_tensor_v2", "collections OrderedDict", "torch FloatStorage"):
        pickled = b"\x80\x02c" + name.replace(" ", "\n").encode() + b"\n}X\x04\x00\x00\x00evilK\x01sb."
        assert "attributes for a" in refused(archived(pickled))


def test_many_names_are_listed_and_cut_short():
    pickled = b"\x80\x02(" + b"".join(b"cevil\nname%d\n" % i for i in range(9)) + b"l."
    line = refused(archived(pickled.replace(b"l.", b"t.")))
    assert "evil.name0, evil.name1, evil.name2, evil.name3, evil.name4 and 4 more" in line


TWO = struct.pack("<2f", 1, 2)


def tensor_pickle(offset=0, size=(2,), stride=(1,), count=2, kind="FloatStorage", key="0", head="storage"):
    """The pickle of one tensor, of any facts."""

    class Facts:
        def __reduce__(self):
            return rebuild, (Storage(), offset, size, stride, False, collections.OrderedDict())

    class Storage:
        pass

    class Pickler(pickle._Pickler):
        def persistent_id(self, obj):
            return (head, Name(kind), key, "cpu", count) if isinstance(obj, Storage) else None

        def save_global(self, obj, name=None):
            module, _, last = (obj.name if isinstance(obj, Name) else obj.name).rpartition(".")
            self.write(b"c" + module.encode() + b"\n" + last.encode() + b"\n")

        def reducer_override(self, obj):
            if isinstance(obj, Name):
                self.save_global(obj)
            return NotImplemented

        def save(self, obj, save_persistent_id=True):
            if isinstance(obj, Name):
                return self.save_global(obj)
            if obj is collections.OrderedDict:
                return self.save_global(Name("OrderedDict", "collections"))
            return super().save(obj, save_persistent_id)

    rebuild = Name("_rebuild_tensor_v2", "torch._utils")
    file = io.BytesIO()
    Pickler(file, 2).dump(Facts())
    return file.getvalue()


class Name:
    """A global by its name alone; it can be called, so that it may stand in a `__reduce__`."""

    def __init__(self, name, module="torch"):
        self.name = f"{module}.{name}"

    def __call__(self):
        raise AssertionError


def test_the_pickle_made_by_hand_reads():
    assert read(archived(tensor_pickle(), {"0": TWO})).tolist() == [1, 2]
    assert read(archived(tensor_pickle(1, (1,)), {"0": TWO})).tolist() == [2]
    assert read(archived(tensor_pickle(99, (0, 5), (1, 1)), {"0": TWO})).shape == (0, 5)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (dict(size=(3,)), "reaches element 2 of a storage of 2"),
        (dict(offset=1), "reaches element 2 of a storage of 2"),
        (dict(size=(2, 2), stride=(1, 1)), "reaches element 2"),
        (dict(stride=(-1,)), r"strides \(-1,\): expected numbers from 0 on"),
        (dict(offset=-1), "offset -1"),
        (dict(size=(-2,)), r"size \(-2,\)"),
        (dict(size=(2, 2)), "expected numbers from 0 on"),
        (dict(size=(2.0,)), "expected numbers from 0 on"),
        (dict(size=(True,)), "expected numbers from 0 on"),
        (dict(size=[2]), "not made of a storage, a size and strides"),
        (dict(size=(2**62, 2**62), stride=(0, 0)), "too large"),
        (dict(size=(1,) * 70, stride=(0,) * 70), "too large"),
        (dict(offset=2**70, size=(0,)), "too large"),
        (dict(count=3), "needs 12 bytes, found 8"),
        (dict(count=1), "needs 4 bytes, found 8"),
        (dict(count=2**58), "needs 1,152,921,504,606,846,976 bytes, found 8"),
        (dict(count=2**63), "a storage of 9223372036854775808 elements"),
        (dict(count=-2), "a storage of -2 elements"),
        (dict(kind="DoubleStorage"), "needs 16 bytes, found 8"),
        (dict(key="1"), "needs 8 bytes, found 0"),
        (dict(key="../0"), "needs 8 bytes, found 0"),
        (dict(head="module"), "not described as one"),
        (dict(kind="QInt8Storage"), "it holds torch.QInt8Storage"),
    ],
    ids=str,
)
def test_facts_that_do_not_fit(facts, message):
    with pytest.raises(FileError, match=message):
        read(archived(tensor_pickle(**facts), {"0": TWO}))


# lists, each of which holds the one before
CHAIN = [b"]q%bh%ba" % (bytes([i]), bytes([i - 1])) for i in range(1, 200)]
SHORT = {
    "nothing": b"",
    "no end": b"\x80\x02}",
    "nothing on the stack": b"\x80\x02.",
    "two on the stack": b"\x80\x02K\x01K\x02.",
    "no mark": b"\x80\x02t.",
    "an empty memo": b"\x80\x02h\x05.",
    "a call of a number": b"\x80\x02K\x01)R.",
    "a call with a list": b"\x80\x02ccollections\nOrderedDict\n]R.",
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "a dict in itself": b"\x80\x02}q\x00K\x01h\x00s.",
    "a list for a key": b"\x80\x02}]K\x01s.",
    "a tuple for a key": b"\x80\x02}" + b")" + b"\x85" * 10**4 + b"K\x01s.",
    "items for a number": b"\x80\x02K\x01K\x02a.",
    "keys without values": b"\x80\x02}(K\x01u.",
    "101 levels": b"\x80\x02" + b"]" * 102 + b"a" * 101 + b".",
    "10,000 levels": b"\x80\x02" + b"]" * 10**4 + b"a" * (10**4 - 1) + b".",
    "levels by way of the memo": b"\x80\x02(]q\x00" + b"".join(CHAIN) + b"t.",
    "a function": b"\x80\x02ctorch\nSize\n.",
    "the class of a storage": b"\x80\x02ctorch\nFloatStorage\n.",
    "a text that is not there": b"\x80\x02X\xff\xff\xff\x7fabc.",
    "a text of 2^63": b"\x80\x04\x8d" + struct.pack("<Q", 2**63 - 1) + b"abc.",
    "bytes of 2^63": b"\x80\x04\x8e" + struct.pack("<Q", 2**63 - 1) + b"abc.",
    "a bytearray of 2^40": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"abc.",
    "a frame of 2^63": b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b".",
    "a memo of 2^32": b"\x80\x02Nr\xff\xff\xff\xff0.",
    "an integer of many digits": b"\x80\x02L" + b"9" * 10**5 + b"L\n.",
    "instances": b"\x80\x02(ios\nsystem\n.",
    "an extension": b"\x80\x02\x82\x01.",
    "a buffer": b"\x80\x05\x97.",
    "a persistent id of a text": b"\x80\x02Pabc\n.",
    "a storage of no facts": b"\x80\x02)Q.",
    "half a letter": b"\x80\x02X\x01\x00\x00\x00\xff.",
    "a name of a number": b"\x80\x04K\x01K\x02\x93.",
    "an OrderedDict of a number": b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.",
    "an OrderedDict of lists as keys": b"\x80\x02ccollections\nOrderedDict\n]](]K\x01eaa\x85R.",
    "a size of texts": b"\x80\x02ctorch\nSize\n(X\x01\x00\x00\x00atR.",
}  # fmt: skip


@pytest.mark.parametrize("name", SHORT)
def test_pickles_that_are_wrong(name):
    tracemalloc.start()
    try:
        assert "its pickle does not read" in refused(archived(SHORT[name]))
        assert tracemalloc.get_traced_memory()[1] < 2**24 + 100 * len(SHORT[name])
    finally:
        tracemalloc.stop()


def test_archives_that_are_wrong():
    content = written({"x": torch.ones(2)})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", bytes(10**7))
    assert len(packed.getvalue()) < 20000 and "packed" in refused(packed.getvalue())
    assert "data.pkl" in refused(rezipped(content, {"data.pkl": None}))
    assert "TorchScript" in refused(program())
    assert "found 0" in refused(rezipped(content, {"data/0": None}))
    assert "CRC" in refused(content.replace(struct.pack("<2f", 1, 1), struct.pack("<2f", 1, 2)))
    for end in (0, 10, len(content) // 2, len(content) - 1):
        refused(content[:end])
    two = io.BytesIO()
    with zipfile.ZipFile(two, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("x/data.pkl", b"\x80\x02N.")
        archive.writestr("x/data.pkl", b"\x80\x02N.")
    assert "one name" in refused(two.getvalue())


def program():
    """An archive with the members of TorchScript."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py"):
            archive.writestr(f"x/{name}", b"\x80\x02N.")
    return file.getvalue()


def test_a_member_that_many_names_share():
    """A small archive that says it has a thousand members, all of the same bytes."""
    content = bytearray(archived(b"\x80\x02N.", {"0": bytes(10**6)}))
    end = content.rindex(b"PK\x05\x06")
    (start,) = struct.unpack_from("<I", content, end + 16)
    entries = bytes(content[start:end])
    second = entries[entries.index(b"PK\x01\x02", 4) :]
    more = b"".join(second.replace(b"x/data/0", b"x/dat%03d" % i) for i in range(1000))
    tail = bytearray(content[end:])
    struct.pack_into("<HHII", tail, 8, 1002, 1002, len(entries) + len(more), start)
    assert "its members say that they have 1,001,000,00" in refused(bytes(content[:end]) + more + bytes(tail))


def test_older_files_that_are_wrong():
    content = written({"x": torch.ones(2)}, **FORMS["older"])
    assert "not written" in refused(pickle.dumps({"x": 1}))
    for end in (2, 40, len(content) - 1, len(content) - 8, len(content) - 16):
        refused(content[:end])
    assert "expected 2" in refused(content[:-16] + struct.pack("<q", 3) + content[-8:])
    refused(content[:-16] + struct.pack("<q", 2**62) + content[-8:])
    big = content.replace(b"K\x02Nt", b"\x8a\x06" + (2**40).to_bytes(6, "little") + b"Nt")
    if big != content:
        assert "elements" in refused(big)
