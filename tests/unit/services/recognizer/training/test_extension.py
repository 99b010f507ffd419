"""Test starting a network for more characters from one for fewer."""

from __future__ import annotations

import numpy as np
import pytest

from services.recognizer.alphabet import DEFAULT_CHARACTERS, FIRST_CHARACTERS, Alphabet
from services.recognizer.training.extension import CLASSIFIER, extend_arrays, find_lookalike


def _arrays(alphabet: Alphabet, units: int = 6) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    weight, bias = rng.normal(size=(alphabet.classes, units)), rng.normal(size=alphabet.classes)
    return {CLASSIFIER[0]: weight.astype(np.float16), CLASSIFIER[1]: bias.astype(np.float16), "last": np.ones(2)}


def test_extended_network_prefers_known_characters() -> None:
    known, wanted = Alphabet("Aub "), Alphabet("Aub üÄß")
    arrays = _arrays(known)
    extended = extend_arrays(arrays, known, wanted)
    frames = np.random.default_rng(4).normal(size=(50, 6)).astype(np.float32)
    before = frames @ arrays[CLASSIFIER[0]].T.astype(np.float32) + arrays[CLASSIFIER[1]]
    after = frames @ extended[CLASSIFIER[0]].T + extended[CLASSIFIER[1]]
    assert after.shape == (50, wanted.classes)
    np.testing.assert_allclose(after[:, : known.classes], before, rtol=1e-5)
    assert (after.argmax(axis=1) == before.argmax(axis=1)).all()
    # ü follows u, six nats below.
    place = {character: int(wanted.encode(character)[0]) for character in "uü"}
    np.testing.assert_allclose(after[:, place["ü"]], after[:, place["u"]] - 6.0, rtol=1e-4)
    assert extended["last"] is arrays["last"]


def test_every_new_character_has_a_lookalike() -> None:
    new = set(DEFAULT_CHARACTERS) - set(FIRST_CHARACTERS)
    assert [one for one in new if find_lookalike(one, FIRST_CHARACTERS) is None] == []
    assert (find_lookalike("ü", "uU"), find_lookalike("Œ", "O"), find_lookalike("ü", "aA")) == ("u", "O", None)


def test_rejects_alphabet_with_another_beginning() -> None:
    with pytest.raises(ValueError, match="beginning"):
        extend_arrays(_arrays(Alphabet("AB")), Alphabet("AB"), Alphabet("BAC"))
