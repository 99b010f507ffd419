"""India: the signed QR code of an e-invoice, a JSON Web Token (RFC 7519).

GST INV-01, Notification 72/2020 (Central Tax) and "QR Code for e-invoice" of the Invoice Registration Portal. The
signature is not verified, because that needs the keys of the portal.
"""

from __future__ import annotations

from stdnum.in_ import gstin

from gateway.codes.values import decode_base64, parse_amount, parse_date, parse_json_object, require
from shared.contracts import CodeContent

_IRN_LENGTH = 64


def parse(text: str) -> CodeContent:
    """Return what a code says; raise `ValueError` if it is not of this standard."""
    require(text.startswith("ey") and text.count(".") == 2)
    header, payload, _ = text.split(".")
    require("alg" in parse_json_object(decode_base64(header)))
    data = parse_json_object(decode_base64(payload)).get("data")
    require(isinstance(data, str))
    invoice = {key: str(value) for key, value in parse_json_object(str(data)).items()}
    require({"SellerGstin", "DocNo", "DocDt", "TotInvVal", "Irn"} <= invoice.keys())
    require(gstin.is_valid(invoice["SellerGstin"]) and len(invoice["Irn"]) == _IRN_LENGTH)
    return CodeContent(
        standard="in-gst",
        kind="fiscal",
        country="IN",
        tax_id=invoice["SellerGstin"],
        receipt_number=invoice["DocNo"],
        date=parse_date(invoice["DocDt"], "%d/%m/%Y"),
        total=parse_amount(invoice["TotInvVal"]),
        currency="INR",
        identifiers={"irn": invoice["Irn"]},
    )
