"""A receipt for unit tests, and its place in the cache."""

from __future__ import annotations

import copy
import hashlib

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.storage.cache import Content, Place
from shared.contracts import Models, Receipt

MODELS = Models(detector="ctpn-1", recognizer="crnn-1", extractor="charlstm-1")
CONTENT = Content(hashlib.sha256(b"picture").hexdigest())
PLACE = Place(CONTENT, MODELS)
RECEIPT = Receipt.model_validate(copy.deepcopy(RECEIPT_EXAMPLE)).model_copy(update={"id": CONTENT.id, "models": MODELS})
