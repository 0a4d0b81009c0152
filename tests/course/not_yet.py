"""Lessons that are not yet as `test_words.py` and `test_prose.py` want them.

Whoever mends a lesson deletes its line here, and runs the two with `-k NN`. The comments between keep the lines of two lessons from
meeting when both are deleted at once. When the last has gone, so does this file.
"""

import pytest
from notebooks import BUILT

NOT_YET = {
    # 01
    # 02
    # 03
    # 04
    # 05
    # 06
    # 07
    # 08
    # 09
    # 10
    # 11
    # 12
    # 13
    # 14
    # the end
}


def mended(lessons):
    """The lessons as parameters of a test, which leaves out those that are not yet mended."""
    skip = pytest.mark.skip(reason="this lesson is still to be mended")
    return [pytest.param(lesson, marks=skip if lesson in NOT_YET else ()) for lesson in lessons]


LESSONS = mended(BUILT)
