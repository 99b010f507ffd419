"""Print the top of a receipt: the issuer, and the facts of the document."""

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
    """Print company, registration, address, phone, tax number and title."""
    sheet, rng, merchant = till.sheet, till.rng, till.content.merchant
    if rng.random() < 0.08:
        sheet.print_line(rng.choice(till.content.footer or ("WELCOME",)), till.header_align)
    if merchant.trade_name and rng.random() < 0.5:
        sheet.print_line(merchant.trade_name, till.header_align, till.name_style)
    registration = _print_company(till)
    if registration and rng.random() < 0.85:
        sheet.print_line(registration, till.header_align)
    tax_early = rng.random() < 0.5
    if tax_early:
        _print_tax_number(till)
    for part in merchant.address:
        sheet.print_line(part, till.header_align)
    _print_contact(till)
    if not tax_early:
        _print_tax_number(till)
    if merchant.trade_name and rng.random() < 0.2:
        sheet.print_line(f"({merchant.trade_name})", till.header_align)
    if till.content.country.name == "MY" and rng.random() < 0.8:
        sheet.advance(rng.choice((0, 0.3, 0.8)))
        sheet.print_line(rng.choice(_TITLES), "middle", till.strong_style if rng.random() < 0.7 else till.big_style)
    sheet.advance(rng.choice((0, 0.3, 0.8)))


def _print_company(till: Till) -> str:
    """Print the company; return the registration if it is not printed yet."""
    merchant, style = till.content.merchant, till.name_style
    while style.wide > 1 and len(till.sheet.wrap(merchant.company, till.sheet.width, style)) > 2:
        style = replace(style, wide=style.wide - 0.25)
    if merchant.registration.startswith("(") and till.rng.random() < 0.4:
        till.sheet.print_line(f"{merchant.company} {merchant.registration}", till.header_align, style)
        return ""
    till.sheet.print_line(merchant.company, till.header_align, style)
    return merchant.registration


def _draw_separator(till: Till) -> str:
    return till.rng.choice((": ", " : ", ":", " "))


def _print_tax_number(till: Till) -> None:
    number, name = till.content.merchant.tax_id, till.content.country.tax_name
    if not number:
        return
    label = till.rng.choice(_GST_LABELS if name == "GST" else (f"{name} No", f"{name} Reg", name))
    text = f"{label}{_draw_separator(till)}{number}"
    till.sheet.print_line(f"({text})" if till.rng.random() < 0.15 else text, till.header_align)


def _print_contact(till: Till) -> None:
    rng, merchant = till.rng, till.content.merchant
    if rng.random() < 0.8:
        bare = till.content.country.name == "US" and rng.random() < 0.6
        label = "" if bare else f"{rng.choice(_PHONE_LABELS)}{_draw_separator(till)}"
        till.sheet.print_line(f"{label}{merchant.phone}", till.header_align)
    if rng.random() < 0.12:
        word = "".join(c for c in merchant.company.lower() if c.isascii() and c.isalpha())[:10]
        address = rng.choice((f"www.{word}.example", f"Email: {word}@mail.example", f"E-mail : info@{word}.example"))
        till.sheet.print_line(address, till.header_align)


def print_facts(till: Till) -> None:
    """Print document number, cashier, date and time in one column, two columns, or as labels and values."""
    sheet, rng = till.sheet, till.rng
    facts = _draw_facts(till)
    column = max(sheet.measure(f"{label} ") for label, _ in facts) if facts and rng.random() < 0.7 else 0.0
    kind = rng.random()
    if kind < 0.55:
        for label, value in facts:
            _print_fact(till, label, value, 0, column)
            sheet.advance(1)
    elif kind < 0.9:
        _print_two_columns(till, facts, column)
    else:
        for label, value in facts:
            sheet.print_row([(label, 0, "left"), (value, sheet.width, "right")])


def _draw_facts(till: Till) -> list[tuple[str, str]]:
    """Draw the labels and values of the facts."""
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


def _print_two_columns(till: Till, facts: list[tuple[str, str]], column: float) -> None:
    sheet = till.sheet
    half = sheet.width * till.rng.uniform(0.5, 0.6)
    for i in range(0, len(facts), 2):
        _print_fact(till, *facts[i], 0, column)
        if i + 1 < len(facts):
            first, second = (
                max(column, sheet.measure(f"{k} : ")) + sheet.measure(f"  {v}") for k, v in facts[i : i + 2]
            )
            fits = first < half and half + second < sheet.width
            if not fits:
                sheet.advance(1)
            _print_fact(till, *facts[i + 1], half if fits else 0, column)
        sheet.advance(1)


def _print_fact(till: Till, label: str, value: str, x: float, column: float) -> None:
    sheet, colon = till.sheet, till.colon.strip()
    if not label:
        sheet.print_at(value, x)
    elif column and colon:
        sheet.print_at(label, x)
        sheet.print_at(f": {value}" if till.colon.endswith(" ") else f":{value}", x + column)
    elif colon:
        sheet.print_at(f"{label}{till.colon.rstrip()}{' ' if till.looseness > 0.3 else ''}{value}", x)
    else:
        sheet.print_at(f"{label} {value}", x)
