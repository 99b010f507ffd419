"""The top of a receipt: who issued it, and the facts of the document."""

from __future__ import annotations

from dataclasses import replace

from synthesis.printing.till import Till

_TITLES = (
    "TAX INVOICE", "Tax Invoice", "INVOICE", "CASH SALES", "RECEIPT", "SIMPLIFIED TAX INVOICE", "CASH BILL",
    "-TAX INVOICE-", "OFFICIAL RECEIPT", "BILL", "Cash Receipt", "GST SIMPLIFIED TAX INVOICE", "Tax Invoice / Receipt",
)  # fmt: skip
_NUMBER_LABELS = (
    "Invoice No", "Inv No", "Doc No", "Receipt No", "Bill No", "Receipt #", "INV", "Slip No", "Order", "Check #",
    "Trans", "Ref",
)  # fmt: skip
_CASHIER_LABELS = ("Cashier", "Served by", "User", "Salesperson", "Server", "CASHIER", "Operator")
_OTHER_LABELS = ("Table", "Counter", "POS No", "Terminal", "Pax", "Shift", "Ref.", "Till", "Guests")
_DATE_LABELS = {"MwSt": ("Datum",), "TVA": ("Date",), "IVA": ("Fecha", "Data", ""), "BTW": ("Datum", "")}
_PHONE_LABELS = ("TEL", "Tel", "Tel No", "PHONE", "TEL/FAX", "Tel.", "HP")
_GST_LABELS = ("GST ID", "GST REG NO", "GST No", "GST ID No", "GST Reg. No.", "GST REG #", "GST Reg No")


def print_header(till: Till) -> None:
    """Company, registration, address, telephone, tax number, title."""
    sheet, rng, merchant = till.sheet, till.rng, till.content.merchant
    if rng.random() < 0.08:
        sheet.line(rng.choice(till.content.footer or ("WELCOME",)), till.align)
    if merchant.trade_name and rng.random() < 0.5:
        sheet.line(merchant.trade_name, till.align, till.name)
    registration = _company(till)
    if registration and rng.random() < 0.85:
        sheet.line(registration, till.align)
    tax_early = rng.random() < 0.5
    if tax_early:
        _tax_number(till)
    for part in merchant.address:
        sheet.line(part, till.align)
    _contact(till)
    if not tax_early:
        _tax_number(till)
    if merchant.trade_name and rng.random() < 0.2:
        sheet.line(f"({merchant.trade_name})", till.align)
    if till.content.country.name == "MY" and rng.random() < 0.8:
        sheet.advance(rng.choice((0, 0.3, 0.8)))
        sheet.line(rng.choice(_TITLES), "middle", till.strong if rng.random() < 0.7 else till.big)
    sheet.advance(rng.choice((0, 0.3, 0.8)))


def _company(till: Till) -> str:
    """Print the company; returns the registration if it is still to be printed."""
    merchant, style = till.content.merchant, till.name
    while style.wide > 1 and len(till.sheet.wrap(merchant.company, till.sheet.width, style)) > 2:
        style = replace(style, wide=style.wide - 0.25)
    if merchant.registration.startswith("(") and till.rng.random() < 0.4:
        till.sheet.line(f"{merchant.company} {merchant.registration}", till.align, style)
        return ""
    till.sheet.line(merchant.company, till.align, style)
    return merchant.registration


def _separator(till: Till) -> str:
    return till.rng.choice((": ", " : ", ":", " "))


def _tax_number(till: Till) -> None:
    number, name = till.content.merchant.tax_id, till.content.country.tax_name
    if not number:
        return
    label = till.rng.choice(_GST_LABELS if name == "GST" else (f"{name} No", f"{name} Reg", name))
    text = f"{label}{_separator(till)}{number}"
    till.sheet.line(f"({text})" if till.rng.random() < 0.15 else text, till.align)


def _contact(till: Till) -> None:
    rng, merchant = till.rng, till.content.merchant
    if rng.random() < 0.8:
        bare = till.content.country.name == "US" and rng.random() < 0.6
        label = "" if bare else f"{rng.choice(_PHONE_LABELS)}{_separator(till)}"
        till.sheet.line(f"{label}{merchant.phone}", till.align)
    if rng.random() < 0.12:
        word = "".join(c for c in merchant.company.lower() if c.isascii() and c.isalpha())[:10]
        address = rng.choice((f"www.{word}.example", f"Email: {word}@mail.example", f"E-mail : info@{word}.example"))
        till.sheet.line(address, till.align)


def print_facts(till: Till) -> None:
    """Document number, cashier, date and time: in one column, in two, or label left and value right."""
    sheet, rng = till.sheet, till.rng
    facts = _facts(till)
    column = max(sheet.measure(f"{label} ") for label, _ in facts) if facts and rng.random() < 0.7 else 0.0
    kind = rng.random()
    if kind < 0.55:
        for label, value in facts:
            _fact(till, label, value, 0, column)
            sheet.advance(1)
    elif kind < 0.9:
        _two_columns(till, facts, column)
    else:
        for label, value in facts:
            sheet.row([(label, 0, "left"), (value, sheet.width, "right")])


def _facts(till: Till) -> list[tuple[str, str]]:
    rng, content = till.rng, till.content
    facts = [(rng.choice(_NUMBER_LABELS), content.number), (rng.choice(_CASHIER_LABELS), content.cashier)]
    rng.shuffle(facts)
    facts = facts[: rng.choice((1, 2, 2, 2))]
    if rng.random() < 0.4:
        facts.append((rng.choice(_OTHER_LABELS), str(rng.randint(1, 40))))
    if not content.date:
        return facts
    words = ("Date", "DATE", "Date", "Inv Date", "Bill Date", "Invoice Date", "")
    label = rng.choice(_DATE_LABELS.get(content.country.tax_name, words))
    together = rng.random() < 0.5 or not content.time
    value = f"{content.date} {content.time}".strip() if together else content.date
    facts.insert(rng.randint(0, len(facts)), (label, value))
    if not together:
        facts.append((rng.choice(("Time", "TIME", "Time")), content.time))
    return facts


def _two_columns(till: Till, facts: list[tuple[str, str]], column: float) -> None:
    sheet = till.sheet
    half = sheet.width * till.rng.uniform(0.5, 0.6)
    for i in range(0, len(facts), 2):
        _fact(till, *facts[i], 0, column)
        if i + 1 < len(facts):
            first, second = (
                max(column, sheet.measure(f"{k} : ")) + sheet.measure(f"  {v}") for k, v in facts[i : i + 2]
            )
            fits = first < half and half + second < sheet.width
            if not fits:
                sheet.advance(1)
            _fact(till, *facts[i + 1], half if fits else 0, column)
        sheet.advance(1)


def _fact(till: Till, label: str, value: str, x: float, column: float) -> None:
    sheet, colon = till.sheet, till.colon.strip()
    if not label:
        sheet.put(value, x)
    elif column and colon:
        sheet.put(label, x)
        sheet.put(f": {value}" if till.colon.endswith(" ") else f":{value}", x + column)
    elif colon:
        sheet.put(f"{label}{till.colon.rstrip()}{' ' if till.loose > 0.3 else ''}{value}", x)
    else:
        sheet.put(f"{label} {value}", x)
