"""Blocks: what is read is what was written, and nothing that is cut or changed is taken for a block."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from log import LogError
from log.blocks import HEADER_BYTES, decode, encode, find

PAYLOADS = st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=8)


@given(first=st.integers(0, 2**40), written=st.integers(0, 2**42), payloads=PAYLOADS, after=st.binary(max_size=20))
def test_a_block_reads_back(first: int, written: int, payloads: list[bytes], after: bytes) -> None:
    data = encode(first, written, payloads)
    block = decode(data + after)
    assert block is not None
    assert (block.written_ms, block.size, block.next_offset) == (written, len(data), first + len(payloads))
    assert list(block.records()) == list(enumerate(payloads, start=first))


@given(payloads=PAYLOADS, data=st.data())
def test_a_block_that_is_cut_is_none(payloads: list[bytes], data: st.DataObject) -> None:
    whole = encode(7, 1, payloads)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert decode(whole[:cut]) is None
    # A power cut may leave the file long enough, with zeros where data never arrived.
    assert decode(whole[:cut] + bytes(len(whole) - cut)) is None or not any(whole[cut:])


@given(payloads=PAYLOADS, data=st.data())
def test_one_changed_bit_is_noticed(payloads: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(encode(7, 1, payloads))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert decode(bytes(whole)) is None


@given(before=st.binary(max_size=60), payloads=PAYLOADS)
def test_a_whole_block_is_found_behind_anything(before: bytes, payloads: list[bytes]) -> None:
    whole = encode(3, 1, payloads)
    assert find(b"BRL1" + before + whole, 1) == 4 + len(before)
    assert find(b"BRL1" + before + whole[:-1], 0) is None


def test_removed_records_keep_their_offsets() -> None:
    block = decode(encode(10, 1, [b"a", b"", b"c"], removed=True))
    assert block is not None
    assert (list(block.records()), block.next_offset) == ([(10, b"a"), (12, b"c")], 13)


@pytest.mark.parametrize("payloads", [[], [b""], [b"a", b""]], ids=["nothing", "empty", "one empty"])
def test_records_without_bytes_are_refused(payloads: list[bytes]) -> None:
    with pytest.raises(LogError, match="without bytes"):
        encode(0, 0, payloads)


def test_a_header_alone_is_no_block() -> None:
    assert decode(encode(0, 0, [b"a"])[:HEADER_BYTES]) is None
