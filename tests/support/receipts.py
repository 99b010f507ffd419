"""A receipt for unit tests, and its key in the cache."""

from __future__ import annotations

import copy
import hashlib

from gateway.api.examples import RECEIPT_EXAMPLE
from gateway.storage.cache import CacheKey, ContentId
from shared.contracts import Models, Receipt

MODELS = Models(detector="ctpn-1", recognizer="crnn-1", extractor="charlstm-1")
CONTENT = ContentId(hashlib.sha256(b"picture").hexdigest())
KEY = CacheKey(CONTENT, MODELS)
RECEIPT = Receipt.model_validate(copy.deepcopy(RECEIPT_EXAMPLE)).model_copy(
    update={"id": CONTENT.receipt_id, "models": MODELS}
)
