"""Example responses for the OpenAPI schema; tests check that they are valid."""

from __future__ import annotations

from typing import Any

from shared.contracts import ADDITIONAL_FIELD_NAMES

RECEIPT_EXAMPLE: dict[str, Any] = {
    "id": "b1946ac92492d2347c6235b4d2611184",
    "pages": [
        {
            "width": 619,
            "height": 1207,
            "rotation": 0,
            "mirrored": False,
            "index": 0,
            "outline": None,
            "receipts": [],
            "quality": {
                "blur": 0.02,
                "darkness": 0.0,
                "glare": 0.01,
                "low_resolution": 0.0,
                "cut_off": {"left": 0.01, "top": 0.01, "right": 0.01, "bottom": 0.01},
                "no_receipt": 0.0,
                "several_receipts": 0.0,
                "unreadable": 0.0,
            },
        }
    ],
    "fields": {
        "company": {
            "value": "BOOK TA .K (TAMAN DAYA) SDN BHD",
            "confidence": 0.98,
            "page": 0,
            "quad": [[50, 82], [440, 82], [440, 121], [50, 121]],
            "lines": [0],
            "corrected": False,
            "source": "print",
        },
        "date": {
            "value": "25/12/2018",
            "confidence": 0.99,
            "page": 0,
            "quad": [[105, 290], [225, 290], [225, 316], [105, 316]],
            "lines": [3],
            "corrected": False,
            "source": "print",
            "iso": "2018-12-25",
            "ambiguous": False,
        },
        "address": {
            "value": "NO.53 55,57 & 59, JALAN SAGU 18, 81100 JOHOR BAHRU, JOHOR.",
            "confidence": 0.93,
            "page": 0,
            "quad": [[98, 121], [394, 121], [394, 184], [98, 184]],
            "lines": [1, 2],
            "corrected": False,
            "source": "print",
            "street": "NO.53 55,57 & 59, JALAN SAGU 18",
            "postal_code": "81100",
            "city": "JOHOR BAHRU",
            "country": "MY",
        },
        "total": {
            "value": "9.00",
            "confidence": 0.97,
            "page": 0,
            "quad": [[478, 625], [526, 625], [526, 651], [478, 651]],
            "lines": [5],
            "corrected": False,
            "source": "print",
            "amount": "9.00",
            "currency": "MYR",
        },
        **dict.fromkeys(ADDITIONAL_FIELD_NAMES),
    },
    "items": [],
    "taxes": [],
    "country": {"value": "MY", "confidence": 0.97, "evidence": ["word: sdn bhd"]},
    "currency": {"value": "MYR", "confidence": 0.97, "evidence": ["currency: RM"]},
    "language": None,
    "document_type": "receipt",
    "checks": [],
    "lines": [
        {
            "page": 0,
            "quad": [[50, 82], [440, 82], [440, 121], [50, 121]],
            "text": "BOOK TA .K (TAMAN DAYA) SDN BHD",
            "confidence": 0.97,
            "source": "print",
        },
        {
            "page": 0,
            "quad": [[110, 121], [384, 121], [384, 151], [110, 151]],
            "text": "NO.53 55,57 & 59, JALAN SAGU 18,",
            "confidence": 0.95,
            "source": "print",
        },
        {
            "page": 0,
            "quad": [[98, 155], [394, 155], [394, 184], [98, 184]],
            "text": "81100 JOHOR BAHRU, JOHOR.",
            "confidence": 0.96,
            "source": "print",
        },
        {
            "page": 0,
            "quad": [[105, 290], [225, 290], [225, 316], [105, 316]],
            "text": "25/12/2018",
            "confidence": 0.99,
            "source": "print",
        },
        {
            "page": 0,
            "quad": [[60, 625], [260, 625], [260, 651], [60, 651]],
            "text": "ROUNDED TOTAL (RM):",
            "confidence": 0.96,
            "source": "print",
        },
        {
            "page": 0,
            "quad": [[478, 625], [526, 625], [526, 651], [478, 651]],
            "text": "9.00",
            "confidence": 0.98,
            "source": "print",
        },
    ],
    "codes": [],
    "einvoice": None,
    "models": {
        "detector": "ctpn-2026-11-22-1a2b3c4d",
        "recognizer": "crnn-2026-11-22-5e6f7a8b",
        "extractor": "charlstm-2026-11-22-9c0d1e2f",
    },
    "timings_ms": {"decode": 4.1, "detect": 620.3, "recognize": 288.0, "extract": 36.2},
    "cached": False,
    "corrections": None,
    "warnings": [],
}

CORRECTIONS_EXAMPLE: dict[str, Any] = {
    "receipt_id": "b1946ac92492d2347c6235b4d2611184",
    "fields": {
        "total": {
            "value": "9.50",
            "iso": None,
            "amount": "9.50",
            "currency": "MYR",
            "e164": None,
            "country": None,
            "street": None,
            "postal_code": None,
            "city": None,
            "method": None,
            "last4": None,
            "model_value": "9.00",
            "lines": [5],
            "author": "Bookkeeping",
            "at": "2026-11-25T09:30:00Z",
        }
    },
    "items": None,
    "taxes": None,
    "properties": {},
    "checks": [
        {"name": "subtotal_and_tax_to_total", "holds": True, "expected": "9.50", "printed": "9.50"},
    ],
}
