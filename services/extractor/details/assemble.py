"""Everything on a receipt, put together."""

from __future__ import annotations

from services.extractor.details.agreement import Amounts
from services.extractor.details.context import country_of, currency_of, document_type_of, language_of
from services.extractor.details.facts import (
    find_payment_method,
    find_phone,
    find_time,
)
from services.extractor.details.numbers import find_receipt_number, find_tax_id
from services.extractor.details.reading import Reading
from shared.arithmetic import check_arithmetic
from shared.contracts import Extracted, Fields


def assemble(reading: Reading, fields: Fields, amounts: Amounts) -> Extracted:
    """Return everything understood of a receipt.

    Args:
        reading: The receipt with the network's probabilities.
        fields: Its four main fields; the others are added to a copy.
        amounts: Its sums, items and taxes.
    """
    if not len(reading.document.text):
        return Extracted(fields=fields)
    fields = fields.model_copy(
        update={
            "time": find_time(reading),
            "phone": find_phone(reading),
            "tax_id": find_tax_id(reading),
            "receipt_number": find_receipt_number(reading),
            "payment_method": find_payment_method(reading),
            **amounts.sums,
        }
    )
    items, taxes = amounts.items, amounts.taxes
    return Extracted(
        fields=fields,
        items=items,
        taxes=taxes,
        country=country_of(reading),
        currency=currency_of(reading, fields),
        language=language_of(reading),
        document_type=document_type_of(reading, fields),
        checks=check_arithmetic(fields, items, taxes),
    )
