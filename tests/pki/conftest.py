"""What the tests of this folder share."""

from tests.support.pki_fixtures import lab_folder

__all__ = ["lab_folder"]
