"""Chat templates: the small programs in Jinja by which a folder says how its model reads a conversation.

They come from outside, so they run in jinja2's sandbox: they see the messages and the model's special tokens, and can change
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import ModuleType
from typing import Any

from minitransformer.files import one_line
from minitransformer.installing import install_line


def render(
    template: str, messages: Sequence[Mapping[str, str]], tokens: Mapping[str, str], answer: bool = True
) -> str:
    """The text of a conversation, as its model was trained to read it.

    Args:
        template: the program.
        messages: each with its "role", such as "user", and its "content".
        tokens: the model's special tokens by what they are, such as "bos_token".
        answer: whether the text ends where the model's answer begins.

    Returns:
        The text.

    Raises:
        ValueError: if the program is no valid one, refuses the messages, or tries what the sandbox forbids.
        ImportError: if the `jinja2` package is missing; the message names the extra that brings it.
    """
    package = jinja2()
    environment = package.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[package.ext.loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = _now
    told = [dict(message) for message in messages]
    try:
        text: str = environment.from_string(template).render(
            messages=told, add_generation_prompt=answer, **tokens
        )
    except (package.TemplateError, TypeError, ArithmeticError, LookupError) as error:
        raise ValueError(f"chat template: {one_line(error)}; see that it takes these messages") from error
    return text


def _to_json(value: Any, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=options.pop("ensure_ascii", False), **options)


def _refuse(message: str) -> None:
    raise ValueError(message)


def _now(form: str) -> str:
    return datetime.now().strftime(form)


def jinja2() -> ModuleType:
    """The package `jinja2`.

    Returns:
        The module.

    Raises:
        ImportError: if it is not installed; the message says how to install it.
    """
    try:
        import jinja2
        import jinja2.ext
        import jinja2.sandbox
    except ImportError as error:
        raise ImportError(f"the jinja2 package runs a chat template: {install_line('[models]')}") from error
    return jinja2
