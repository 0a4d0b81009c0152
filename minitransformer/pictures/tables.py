"""Tables, bars of shares and cells of signed numbers, for pages in the style `STYLE`."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from minitransformer.plain import escaped


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Container[int] = ()) -> str:
    """A table that scrolls if it is wider than the screen.

    Args:
        head: the names of the columns.
        rows: the cells of each row as plain text; the first cell is the row's name.
        numbers: the indices of the columns that are aligned at the right.

    Returns:
        HTML.
    """
    heads = _cells(head, numbers, ["col"] * len(head))
    body = "".join(f"<tr>{_cells(row, numbers, ['row'])}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _cells(texts: Sequence[str], numbers: Container[int], scopes: Sequence[str]) -> str:
    """The cells of a row. For each of `scopes` a cell is a `<th>` of that scope; the others are `<td>`."""
    cells = []
    for i, text in enumerate(texts):
        right = ' class="number"' if i in numbers else ""
        tag, scope = ("th", f' scope="{escaped(scopes[i])}"') if i < len(scopes) else ("td", "")
        cells.append(f"<{tag}{scope}{right}>{escaped(text)}</{tag}>")
    return "".join(cells)


def bars(values: Mapping[str, float]) -> str:
    """Shares as bars with their percentages, one below the other.

    Args:
        values: shares from 0 to 1, by their names.

    Returns:
        HTML.
    """
    rows = "".join(
        f'<tr><th scope="row">{escaped(name)}</th><td class="bar"><div style="width:{100 * v:.1f}%"></div></td>'
        f'<td class="number">{v:.1%}</td></tr>'
        for name, v in values.items()
    )
    return f'<table class="bars">{rows}</table>'


def leaning(value: float, scale: float) -> str:
    """A table cell with a number on a bar, which begins in the middle and goes to the right for +, to the left for -.

    Args:
        value: the number.
        scale: the |value| of the longest bar.

    Returns:
        HTML, a `<td>`.
    """
    end = 50 + 50 * max(-1.0, min(value / scale, 1.0))  # percent of the cell's width
    a, b = sorted((50.0, end))
    colour = "var(--for)" if value >= 0 else "var(--against)"
    bar = f"linear-gradient(90deg,transparent {a:.1f}%,{colour} {a:.1f}% {b:.1f}%,transparent {b:.1f}%)"
    return f'<td class="lean" style="background-image:{bar}">{value:+.3f}</td>'
