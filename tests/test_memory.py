"""Out of memory: the error names the op, its inputs and the remedy, and all tensors that existed before are unchanged."""

import pytest

import minitransformer as mt

HUGE = 1 << 46  # numbers: more than any address space holds


@pytest.mark.host("test_cupy has this test for a device")
def test_who_asked_for_too_much_is_told():
    x = mt.ones(1, requires_grad=True)
    with pytest.raises(
        MemoryError, match="Concatenate: Unable to allocate .* To need less: take a smaller batch"
    ):
        mt.cat([x.expand(HUGE), x])
    assert (x * 2).item() == 2
