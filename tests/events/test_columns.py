"""The columns of a batch, by themselves and joined."""

from dataclasses import replace

import numpy as np
import pytest

from homeroom.events.columns import batch_of, columns_of, joined_columns
from tests.log.batches import admitted


@pytest.mark.parametrize("lacking", [(), ("score", "answer")])
def test_the_columns_of_one_batch_are_those_of_it_joined_with_nothing_and_are_not_copied(lacking):
    batch = replace(admitted(3)[0], **dict.fromkeys(lacking))
    columns, joined = columns_of(batch), joined_columns([batch])
    assert list(columns) == list(joined)
    for name, column in columns.items():
        np.testing.assert_array_equal(column, joined[name])
        assert column.dtype == joined[name].dtype
    assert columns["verb"] is batch.verb
    assert batch_of(columns) == batch
