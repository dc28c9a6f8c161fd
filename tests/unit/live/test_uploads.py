"""The files on their way from one viewer are bounded together."""

import pytest

from priorauth.domain.live.inputs import FILE_COUNT_LIMIT, FILES_LIMIT
from priorauth.live.messages import BeginFile, Malformed
from priorauth.live.viewers import Upload


def _begin(upload: Upload, size: int) -> None:
    upload.begin(BeginFile(name="scan.png", media="image/png", size=size))


def test_as_many_files_as_the_limit_are_taken_and_no_more() -> None:
    upload = Upload()
    for _ in range(FILE_COUNT_LIMIT):
        _begin(upload, 0)

    with pytest.raises(Malformed):
        _begin(upload, 0)
    assert len(upload.take()) == FILE_COUNT_LIMIT
    _begin(upload, 0)


def test_a_file_that_is_not_complete_is_followed_by_none() -> None:
    upload = Upload()
    _begin(upload, FILES_LIMIT)

    with pytest.raises(Malformed):
        _begin(upload, 0)
    with pytest.raises(Malformed):
        upload.take()
