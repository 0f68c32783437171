"""Each alert that has a name has a meaning."""

from __future__ import annotations

import pytest

from lab.show.alert_meaning import alert_meaning
from lab.tls.code_points import AlertDescription


@pytest.mark.parametrize("description", list(AlertDescription), ids=str)
def test_a_known_alert_has_a_meaning_of_its_own(description: AlertDescription) -> None:
    sentence, reference = alert_meaning(description)
    assert sentence != alert_meaning(AlertDescription(200))[0]
    assert reference.startswith("RFC ")
