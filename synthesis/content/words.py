"""Word lists for invented merchants, addresses and goods.

All lists were written for this project. Towns, states and postcode ranges are real geography. Names of companies,
streets and buildings are drawn from the lists and from syllables, so a real merchant appears only by coincidence.
"""

from __future__ import annotations


def _items(text: str) -> tuple[str, ...]:
    """Split a text at semicolons; two semicolons in a row give an empty part."""
    return tuple(" ".join(part.split()) for part in text.split(";"))


def _rows(text: str) -> tuple[tuple[str, ...], ...]:
    """Split a text at semicolons, and each part at its vertical bars."""
    return tuple(tuple(part.split("|")) for part in _items(text))


SYLLABLES = _items(
    r"""
    AN; BA; BEL; BIN; CHAI; CHEN; CHIN; DA; DAN; DI; EN; FA; FENG; FOO; GA; GU; HAI; HENG; HO; HUA; HUP; IN; JA;
    JIN; JU; KA; KAI; KEN; KIM; KO; KONG; KWAN; LA; LAI; LEE; LI; LIM; LING; LO; LUM; MA; ME; MEI; MIN; MING;
    MO; NA; NAM; NI; NYA; ONG; PA; PENG; PO; PU; QUA; RA; RI; RO; SA; SAN; SENG; SHEN; SI; SIN; SO; SOON; SU;
    TA; TAI; TECK; THAM; TI; TONG; TU; UN; VA; VI; WAH; WAN; WEI; YA; YEE; YEN; YEW; YONG; ZA; ZEN; ZI
    """
)
MALAY_WORDS = _items(
    r"""
    AMAN; BAHAGIA; BARU; BERKAT; BESTARI; BINTANG; BUNGA; CAHAYA; CEMERLANG; DAMAI; EMAS; GEMILANG; HARMONI;
    IDAMAN; INDAH; INTAN; JAYA; KASIH; KENCANA; KURNIA; LESTARI; MAJU; MAKMUR; MAWAR; MEGAH; MELATI; MESRA;
    MURNI; MUTIARA; NILAM; PERDANA; PERMATA; PUTRA; PURNAMA; RAJA; RIA; RIMBA; SAMUDERA; SARI; SEJAHTERA;
    SELASIH; SENTOSA; SERI; SETIA; SINAR; SUTERA; TERATAI; TIMUR; UTAMA; WARISAN; WAWASAN
    """
)
ENGLISH_WORDS = _items(
    r"""
    ACTIVE; APEX; BEST; BLUE; BRIGHT; CITY; CLASSIC; CORNER; CROWN; DAILY; DELTA; DIAMOND; EAGLE; EASY; EVER;
    FAMILY; FIRST; FRESH; FRIENDLY; GALAXY; GARDEN; GLOBAL; GOLDEN; GRAND; GREEN; HAPPY; HOME; ISLAND; JUMBO;
    KINGS; LOTUS; LUCKY; MEGA; METRO; MODERN; NEW; NORTH; OCEAN; ORIENT; PALM; PARADISE; PEARL; POWER; PREMIER;
    PRIME; QUALITY; RAINBOW; REGAL; ROYAL; SILVER; SMART; SOUTH; STAR; SUNRISE; SUPER; TOP; TRUST; UNION;
    UNITED; VALUE; VISTA; WELL; WORLD
    """
)
MY_TRADES = _items(
    r"""
    TRADING; ENTERPRISE; HARDWARE; MINI MARKET; MARKETING; BAKERY; STATIONERY; BOOK STORE; RESTAURANT; CAFE;
    KOPITIAM; PHARMACY; ELECTRICAL; AUTO PARTS; MOTOR; FURNITURE; SUPERMARKET; GROCER; OPTICAL; TEXTILE; PAPER
    SUPPLY; PACKAGING; SEAFOOD; CATERING; DEPARTMENT STORE; PETROLEUM; SERVICE STATION; HOUSEHOLD; DEKORASI;
    FASHION; TRADERS; HOLDINGS; VENTURES; RESOURCES; INDUSTRIES; FOOD INDUSTRIES; F&B; EXPRESS; DIY CENTRE; GIFT
    & TOYS; PET SHOP; PRINT & COPY; TYRE SERVICE; WORKSHOP; FLORIST
    """
)
MY_PREFIXES = _items(
    r"""
    SYARIKAT; RESTORAN; KEDAI MAKAN; KEDAI BUKU; PASARAYA; PERNIAGAAN; KEDAI RUNCIT; PERUSAHAAN; KLINIK;
    FARMASI; PUSAT; STESEN MINYAK; BENGKEL; RESTAURANT; GERBANG; PERCETAKAN
    """
)
MY_FORMS = _items(
    r"""
    SDN BHD; SDN BHD; SDN BHD; SDN BHD; SDN. BHD.; (M) SDN BHD; (M) SDN. BHD.; BERHAD; PLT; S/B
    """
)
MY_TOWNS = _rows("""
    81100|JOHOR BAHRU|JOHOR; 81300|SKUDAI|JOHOR; 81200|JOHOR BAHRU|JOHOR; 83000|BATU PAHAT|JOHOR;
    86000|KLUANG|JOHOR; 84000|MUAR|JOHOR; 81750|MASAI|JOHOR; 81400|SENAI|JOHOR; 40000|SHAH ALAM|SELANGOR;
    40150|SHAH ALAM|SELANGOR; 46000|PETALING JAYA|SELANGOR; 47400|PETALING JAYA|SELANGOR;
    47100|PUCHONG|SELANGOR; 47500|SUBANG JAYA|SELANGOR; 41000|KLANG|SELANGOR; 42000|PORT KLANG|SELANGOR;
    43000|KAJANG|SELANGOR; 43200|CHERAS|SELANGOR; 68000|AMPANG|SELANGOR; 48000|RAWANG|SELANGOR; 43300|SERI
    KEMBANGAN|SELANGOR; 50000|KUALA LUMPUR|W.P. KUALA LUMPUR; 50450|KUALA LUMPUR|; 52100|KUALA LUMPUR|;
    53000|KUALA LUMPUR|; 55100|KUALA LUMPUR|; 57000|KUALA LUMPUR|; 58100|KUALA LUMPUR|WILAYAH PERSEKUTUAN;
    62000|PUTRAJAYA|; 70200|SEREMBAN|NEGERI SEMBILAN; 71000|PORT DICKSON|N. SEMBILAN; 75000|MELAKA|; 75450|AYER
    KEROH|MELAKA; 30000|IPOH|PERAK; 31400|IPOH|PERAK DARUL RIDZUAN; 34000|TAIPING|PERAK; 10200|GEORGETOWN|PULAU
    PINANG; 11900|BAYAN LEPAS|PENANG; 13600|PERAI|PENANG; 05000|ALOR SETAR|KEDAH; 08000|SUNGAI PETANI|KEDAH;
    25000|KUANTAN|PAHANG; 28000|TEMERLOH|PAHANG DARUL MAKMUR; 15000|KOTA BHARU|KELANTAN; 20000|KUALA
    TERENGGANU|; 88000|KOTA KINABALU|SABAH; 93100|KUCHING|SARAWAK; 98000|MIRI|SARAWAK
""")
MY_GOODS = _items(
    r"""
    BISKUT LEMAK; MINYAK MASAK; BERAS WANGI; GULA HALUS; TEPUNG GANDUM; KICAP MANIS; SOS CILI; IKAN BILIS; TELUR
    GRED A; MAGGI MEE KARI; ROTI CANAI; ROTI KOSONG; NASI LEMAK; NASI GORENG; MEE GORENG MAMAK; TEH TARIK; TEH O
    AIS; KOPI O; MILO AIS; KOPI PENG; BARLI LIMAU; AYAM GORENG; AYAM PERCIK; SUP TULANG; CHAR KUEY TEOW; WAN TAN
    MEE; CURRY LAKSA; BAK KUT TEH; HOKKIEN MEE; KAYA TOAST; HALF BOILED EGG; CHICKEN RICE; WHITE COFFEE; TOM YAM
    SEAFOOD; KANGKUNG BELACAN; SAYUR CAMPUR; IKAN SIAKAP; SATAY AYAM; LIMAU AIS; AIR SUAM; CENDOL; ABC SPECIAL;
    PAPADAM; THOSAI MASALA; CAPATI; MURTABAK
    """
)
GOODS = _items(
    r"""
    PLASTIC BAG; A4 PAPER 80GSM; BALL PEN BLUE; MARKER PEN; EXERCISE BOOK; CORRECTION TAPE; GLUE STICK; STAPLER
    NO.10; ENVELOPE 4X9; RING FILE 2D; SCISSORS; MASKING TAPE; DOUBLE SIDED TAPE; CABLE TIE; LED BULB 9W;
    EXTENSION CORD; PVC PIPE 20MM; WALL PLUG; WOOD SCREW; PAINT BRUSH; SANDPAPER; HAMMER; SILICONE SEALANT;
    PADLOCK 40MM; GARDEN HOSE; TOILET ROLL 10R; FACIAL TISSUE; DISHWASH LIQUID; HAND SOAP; SHAMPOO; TOOTHBRUSH;
    TOOTHPASTE; DETERGENT POWDER; MINERAL WATER; ORANGE JUICE; FRESH MILK; YOGURT; BUTTER; CHEDDAR SLICES; WHITE
    BREAD; CROISSANT; CHOCOLATE MUFFIN; EGG SANDWICH; POTATO CHIPS; PEANUTS SALTED; APPLE FUJI; BANANA; CARROT;
    TOMATO; ONION; GARLIC; CHICKEN WING; BEEF MINCE; FROZEN PEAS; ICE CREAM; CAPPUCCINO; LATTE; AMERICANO; GREEN
    TEA; LEMON TEA; HOT CHOCOLATE; COLA; VITAMIN C; PARACETAMOL; COTTON BUDS; FACE MASK 50S; BATTERY AA; USB
    CABLE; MOUSE PAD; PHOTO FRAME; T-SHIRT; SOCKS 3PR; SLIPPERS; UMBRELLA; GIFT WRAP; CANDLE; BALLOON; TOY CAR;
    DOG FOOD; CAT LITTER; ENGINE OIL; CAR WASH; WIPER BLADE; AIR FRESHENER; SUPER UNLEADED; DIESEL; STEAMED
    RICE; FISH BURGER; FRENCH FRIES; ONION RINGS; CAESAR SALAD; MUSHROOM SOUP; SPAGHETTI; GRILLED SALMON; LAMB
    CHOP
    """
)
GOODS_DETAILS = _items("""
    ; ; ; ; 500G; 1KG; 250ML; 1.5L; 2PCS; 12PCS; SIZE M; SIZE L; (L); (S); (HOT); COLD; RED; BLACK; WHITE; BLUE;
    X2; TWIN PACK; PROMO; NEW; 24'S; 30CM; 6"; #12; TAKE AWAY; SET A
""")
US_GOODS = _items(
    r"""
    Bacon Cheeseburger; House Salad; Iced Tea; Club Sandwich; Turkey Wrap; Draft Beer; Chicken Tacos; Buffalo
    Wings; Caesar Salad; Coffee; Pancakes; Hash Browns; Grilled Cheese; Tomato Soup; Key Lime Pie; Diet Soda;
    Lemonade; Fish & Chips; Mac & Cheese; Pulled Pork; Sweet Potato Fries; Paper Towels; Dish Soap; Whole Milk
    Gal; Large Eggs Dz; Sourdough; Avocado; Bananas; Trail Mix; Batteries AA 8pk; Duct Tape; Wood Screws; Paint
    Roller; Notebook; Gel Pens; Phone Charger; Sunscreen; Bottled Water
    """
)
US_TRADES = _items(
    r"""
    Grill; Diner; Market; Hardware; Books; Coffee Roasters; Deli; Tavern; Pharmacy; Bakery; Bistro; Kitchen;
    Outfitters; Auto Supply; Garden Center; Liquors; Burgers; Pizzeria; Noodle House; Taqueria
    """
)
US_NAMES = _items(
    r"""
    Maple; Harper; Dawson; Willow; Fulton; Bayview; Copper; Ridge; Sutter; Juniper; Palmer; Oakley; Benson;
    Cedar; Linden; Marlow; Prairie; Quincy; Rowan; Summit; Tillman; Vernon; Whitby; Alder; Blue Heron; Red Barn;
    Iron Gate; Lucky Fox; Silver Creek; Old Mill; Three Pines; Corner Stone
    """
)
US_TOWNS = _rows("""
    Austin|TX|787; Portland|OR|972; Denver|CO|802; Chicago|IL|606; Boston|MA|021; Seattle|WA|981;
    Columbus|OH|432; Tampa|FL|336; Phoenix|AZ|850; Madison|WI|537; Brooklyn|NY|112; Oakland|CA|946
""")
US_STREETS = _items(
    r"""
    Main St; Oak Ave; 2nd St; Elm Street; Lake Dr; Park Blvd; Hwy 9; Market St; 5th Avenue; Mill Rd
    """
)
UK_TOWNS = _rows("""
    London|SE1; Leeds|LS2; Bristol|BS1; York|YO1; Cardiff|CF10; Oxford|OX1; Bath|BA1; Norwich|NR2; Glasgow|G1;
    Hull|HU1; Dover|CT16; Exeter|EX4
""")
UK_STREETS = _items(
    r"""
    High Street; Station Road; Church Lane; Mill Road; Queen Street; The Parade; Castle Hill; Park Row
    """
)
UK_TRADES = _items(
    r"""
    Stores; Bakery; Fish Bar; Arms; Inn; Café; Newsagents; Butchers; Garden Centre; Chemist; Books
    """
)
EURO_PLACES = _rows("""
    DE|Hauptstr.|10115|Berlin; DE|Bahnhofstraße|80335|München; DE|Lindenweg|50667|Köln; FR|rue de la
    Gare|69002|Lyon; FR|avenue Foch|31000|Toulouse; FR|rue du Marché|75011|Paris; ES|Calle Mayor|28013|Madrid;
    ES|Av. del Puerto|46021|Valencia; IE|Main Street|D02|Dublin 2; IT|Via Roma|20121|Milano;
    NL|Dorpsstraat|1012|Amsterdam; IE|Quay Street|H91|Galway
""")
EURO_TRADES = {
    "DE": _items("Bäckerei; Gasthaus; Markt; Café; Apotheke; Buchhandlung"),
    "FR": _items("Boulangerie; Brasserie; Épicerie; Librairie; Le Petit"),
    "ES": _items("Restaurante; Bar; Panadería; Ferretería"),
    "IT": _items("Trattoria; Bar; Panificio; Cartoleria"),
    "NL": _items("Eetcafé; Bakkerij; Winkel"),
    "IE": _items("The; Murphy's; O'Dea's"),
}
EURO_GOODS = {
    "DE": _items("Brötchen; Käsekuchen; Apfelschorle; Schnitzel; Kaffee gross; Milch 1L; Butter 250g; Äpfel kg"),
    "FR": _items("Baguette; Croissant; Café crème; Plat du jour; Eau 50cl; Pain au choc; Fromage; Pâté"),
    "ES": _items("Agua; Tortilla; Café solo; Bocadillo; Caña; Menú del día; Piña; Jamón"),
    "IT": _items("Espresso; Pizza Margherita; Coperto; Acqua nat.; Tiramisù; Insalata"),
    "NL": _items("Koffie; Appeltaart; Tosti; Biertje; Uitsmijter; Melk"),
    "IE": _items("Irish Stew; Soda Bread; Pot of Tea; Chowder; Scone; Pint Stout"),
}
CASHIERS = _items(
    r"""
    ADMIN; CASHIER; AISYAH; MEI LING; RAJU; FARID; KUMAR; NURUL; SITI; ALEX; JENNY; COUNTER 1; USER; LIM; TAN;
    WONG; MANAGER; HAFIZ; SARAH; 001; TRAINEE
    """
)
FOOTERS = _items(
    r"""
    THANK YOU; THANK YOU, PLEASE COME AGAIN; THANK YOU & COME AGAIN!; GOODS SOLD ARE NOT RETURNABLE; GOODS SOLD
    ARE NOT REFUNDABLE; TERIMA KASIH; SILA DATANG LAGI; *** THANK YOU ***; PLEASE COME AGAIN; EXCHANGE WITHIN 7
    DAYS WITH RECEIPT; NO CASH REFUND; KEEP THIS RECEIPT FOR WARRANTY; HAVE A NICE DAY; THIS IS A COMPUTER
    GENERATED RECEIPT; NO SIGNATURE IS REQUIRED; E. & O. E.; PRICE INCLUSIVE OF GST; FOLLOW US ON FACEBOOK;
    CUSTOMER COPY; WE HOPE TO SEE YOU SOON; ALL PRICES IN RM; BARANG YANG DIJUAL TIDAK BOLEH DIKEMBALIKAN; THANK
    YOU FOR SHOPPING WITH US; SERVED WITH A SMILE :)
    """
)
WESTERN_FOOTERS = _items(
    r"""
    Thank you!; Thank You For Your Visit; Please come again; Have a great day!; Returns within 30 days with
    receipt; Customer Copy; We value your feedback; Gratuity not included; Join our rewards program; See you
    soon!; Tell us how we did; No refunds on sale items; Ask about our gift cards
    """
)
EURO_FOOTERS = {
    "DE": _items("Vielen Dank für Ihren Einkauf; Auf Wiedersehen; Es bediente Sie"),
    "FR": _items("Merci de votre visite; À bientôt"),
    "ES": _items("Gracias por su visita; IVA incluido"),
    "IT": _items("Grazie e arrivederci; Documento non fiscale"),
    "NL": _items("Bedankt en tot ziens"),
    "IE": _items("Thank you; Sláinte!"),
}
