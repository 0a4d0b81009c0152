"""The script of a page, in a browser: words answer to pointing, to the keyboard and to pressing; samples step.

Skipped where no Chromium is installed (`apt-get install chromium`).
"""

import json
import re
import shutil
import subprocess
from html import unescape

import numpy
import pytest

from minitransformer.pictures import SCRIPT, STYLE, Reader, page, samples

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.host("pages are the host's"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium"),
]
TOKENS = ["The", " soup", " <b>"]
LOOKS = numpy.array([[0.2, 0.8, 0.0], [0.1, 0.3, 0.6], [0.5, 0.25, 0.25]])
WITHOUT = numpy.array([[0.7, 0.6, 0.5], [0.6, 0.4, 0.3], [0.5, 0.3, 0.8]])
SAID = ["about The", "about soup", "about <b>"]


def reader(**changes):
    fields = {
        "values": [0.5, -1.0, 0.0],
        "answer": "praise",
        "probability": 0.75,
        "without": WITHOUT,
        "first": 1,
    }
    return Reader(TOKENS, SAID, "Point.", {"layer 1, head 1": LOOKS}, **(fields | changes)).to_html()


def dumped(folder, shown):
    """What a browser makes of a page, after its scripts have run."""
    path = folder / "page.html"
    path.write_text(shown, encoding="utf-8")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder / 'profile'}",
    ]
    command += ["--virtual-time-budget=2000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


# HTML, what is done there (JavaScript with the names of `DRIVER`), and the values that it notes
CASES = {
    "pointing at a word, and moving by keys": (
        reader(),
        """
note(shown());
buttons[0].dispatchEvent(new MouseEvent("mouseenter"));
note(shown());
note(root.querySelector(".head b").textContent);
note([...root.querySelectorAll(".head .look")].map((token) => Number(token.style.getPropertyValue("--depth"))));
buttons[0].focus();
press("ArrowRight"); note(buttons.indexOf(document.activeElement));
press("End"); note(buttons.indexOf(document.activeElement));
press("ArrowRight"); note(buttons.indexOf(document.activeElement));
note(shown());
note(buttons.map((button) => button.tabIndex));
press("Home"); note(buttons.indexOf(document.activeElement));
note(root.querySelectorAll(".hint[hidden], .panel[hidden]").length);
""",
        [
            "about soup Without it: praise 40.0%.",
            "about The Without it: praise 70.0%.",
            "layer 1, head 1 looks at 'soup' (80%), 'The' (20%)",
            [0.25, 1, 0],
            1,
            2,
            2,
            "about <b> Without it: praise 80.0%.",
            [-1, -1, 0],
            0,
            0,
        ],
    ),
    "words left out, one and two at a time": (
        reader(),
        """
const state = () => [root.querySelector("output").textContent, buttons.map((b) => b.getAttribute("aria-pressed"))];
note(state());
buttons[1].click(); note(state());
note(shown());
buttons[2].click(); note(state());
buttons[0].click(); note(state());
buttons[2].click(); note(state());
buttons[0].click(); note(state());
buttons[2].click(); note(state());
root.querySelector(".back").click(); note(state());
note(root.querySelector(".track i").style.getPropertyValue("--share"));
""",
        [
            ["75.0%", ["false", "false", "false"]],
            ["40.0%", ["false", "true", "false"]],
            "about soup",
            ["30.0%", ["false", "true", "true"]],
            [
                "50.0%",
                ["true", "false", "true"],
            ],  # a third word brings back the one that was out for longest
            ["70.0%", ["true", "false", "false"]],
            ["75.0%", ["false", "false", "false"]],
            ["80.0%", ["false", "false", "true"]],
            ["75.0%", ["false", "false", "false"]],
            "0.75",
        ],
    ),
    "a long text: one word left out at a time": (
        reader(without=numpy.where(numpy.eye(3) > 0, WITHOUT, numpy.nan)),
        """
buttons[1].click(); buttons[2].click();
note(root.querySelector("output").textContent); note(buttons.map((b) => b.getAttribute("aria-pressed")));
""",
        ["80.0%", ["false", "false", "true"]],
    ),
    "a text without a decision": (
        reader(values=None, answer="", probability=None, without=None),
        'buttons[2].click(); note(shown()); note(buttons[2].hasAttribute("aria-pressed"));',
        ["about <b>", False],
    ),
    "samples": (
        samples("what it writes", {"step 0": "<p>a</p>", "step 5": "<p>b</p>", "step 9": "<p>c</p>"}),
        """
const seen = () => [...root.querySelectorAll("li:not([hidden]) h4")].map((h) => h.textContent);
const [earlier, later] = root.querySelectorAll(".stepper button");
const slider = root.querySelector("input");
note(seen()); note([earlier.disabled, later.disabled, slider.getAttribute("aria-label")]);
earlier.click(); note(seen()); note(slider.getAttribute("aria-valuetext"));
slider.value = 0; slider.dispatchEvent(new Event("input")); note(seen()); note(earlier.disabled);
note(slider.getAttribute("aria-valuetext"));
""",
        [
            ["step 9"],
            [False, True, "what it writes"],
            ["step 5"],
            "step 5",
            ["step 0"],
            True,
            "step 0",
        ],
    ),
}
DRIVER = """
const found = {};
function run(name, actions) {
  const root = document.getElementById(name);
  found[name] = [];
  const buttons = [...root.querySelectorAll("button.token")];
  const shown = () => root.querySelector(".panel p").textContent;
  const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  actions({ root, buttons, shown, press, note: (value) => found[name].push(value) });
}
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each case notes. A page's rules forbid other scripts, so they are taken away."""
    body = "".join(f'<div id="{name}">{inner}</div>' for name, (inner, _, _) in CASES.items())
    runs = "".join(
        f'run("{name}", ({{ root, buttons, shown, press, note }}) => {{ {actions} }});'
        for name, (_, actions, _) in CASES.items()
    )
    ends = 'document.body.innerHTML = "<pre></pre>"; document.querySelector("pre").textContent = JSON.stringify(found);'
    shown = re.sub('<meta http-equiv="Content-Security-Policy".*?>', "", page("test", body, STYLE, SCRIPT))
    shown = shown.replace("</body>", f"<script>{DRIVER}{runs}{ends}</script></body>")
    return json.loads(
        unescape(re.search(r"<pre>(.*?)</pre>", dumped(tmp_path_factory.mktemp("page"), shown), re.S)[1])
    )


@pytest.mark.parametrize("name", CASES)
def test_what_a_page_answers(found, name):
    assert found[name] == CASES[name][2]


def test_the_page_s_rules_allow_its_own_script_alone(tmp_path):
    other = "<script>document.title = 'obeyed'</script><img src=x onerror=\"document.title = 'obeyed'\">"
    shown = dumped(tmp_path, page("kept", reader() + other, STYLE, SCRIPT))
    assert shown.count('<button class="token') == 3 and "<title>kept</title>" in shown
