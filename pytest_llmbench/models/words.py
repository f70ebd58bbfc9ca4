"""The words the builtin models know as whole tokens.

Common words of English prose, school arithmetic and instructions, so that ordinary prompts come to about
one token a word. A tokenizer is made from them without training: see `vocabulary`. Changing a word
changes the models, and with them their digests.
"""

from __future__ import annotations

__all__ = ["CAPITALISED", "PIECES", "WORDS"]

_WORDS = """
a the of and to is in for he total has that on are many as each she with will number at his day her
it have how was per be can than cost so more from by your hours much you they minutes week an two
does years times all had people there first not one days were hour find did their or make miles this
time because feet also half every pounds left which amount second them then year twice money three
month new old need needs get but about up bought out students costs after water who if buy take
points long should we would into our spent means other third inches pieces pay sold him now cookies
price used its do my remaining response made like wants apples makes less what eggs weeks four books
only just gets takes red these spend work use where average some paid dollars car friends age got
same cars eat spends gave off dog small house both cups store no blue buys when company been took
any ate months class slices team school before over while together add last world answer food least
am between end words must boxes cards word letters could through pound worth home change next give
entire shoes trip box different five dozen weight large bag square help went trees me children
oranges another uses rate able set equal friend game speed combined rest those sure multiply back
making found bananas selling works book degrees plants eats sells fish seconds earns go person gives
high dogs family birds games such night include minute run good legs fewer packs earn green using
coffee life job length balls calories language during double toys most way city pizza girls train
balloons read pages bags party part animals employees sell place pack room experience bus questions
received tall pays away discount save foot down additional cents needed brother beans kids without
contain lost profit runs know size piece bars own candy pair ride sister calculate start ice candies
well see scored bottles earned whole walk difference local flowers yellow truck percentage chocolate
fourth extra tank point distance final name liters park decides letter farm right always song group
pairs started sandwiches request tree even today cheese divide ordered child often play boys
collected weighs brought story may classes sticks power going want provide potatoes already fill
exactly skills still teacher milk gallon type saw cream ten history white come goes customers value
roses being pens holes man decided following six section heart unique hats sales given sentences
chairs fruit land goals business full salary working put meters movies share around apple love
pizzas enough starting morning best known big buying mom cats caught movie cup coins bank leave
service system write dinner daily title height guests glasses stop writing far research receive
dishes shirts bike subtract cat hold pink travel visit groups capital might garden bill paper
chickens mother phone cows sides original score came math understand poem once saved older longer
everyone laundry sheep something complete babies yards ran say journey understanding markdown added
lunch station since post order chicken sale trying chips therefore project short restaurant starts
stars sleep light create colors increased equally currently free candles teachers including market
members bread test produces cases across important steps seats style socks butter shop orders break
keep dance sentence kilometers role medium round feed bottle video stand significant personal wide
ago inch great show under look temperature hope believe soda tickets ones afternoon jar reach line
future gum process ball equation field performance grams stuffed bullet sets playing traveled
student baby format bring brownies design hand fee let lives players sections loaves stripes strong
never package shells rows charge orange better windows father social repeat drinks beach contains
plant seeds faster grow bed raise level pool data budget weekend cut plus floor regular collection
side later younger glass carrots includes air learn walks top birthday finish comes everything
quarter others product gifts picked equals women paint learning key quality development having above
ticket customer increase offer wanted tax text community fruits potential buttons setting funny fast
figure race open traveling meals health check clear complex challenges opportunity leaving office
mile pets bills stay beds fit single too delivery ready normal sun dreams anything divided cubic
produce rooms items rolls son current meat stories economic sum walking shopping grade account cans
hotel quarters easy yet drink think fun cake model server token tokens explain describe summarize
memory prompt engine machine computer program code function list tell main idea reason example
result network file river ocean forest mountain bright quiet simple modern early late
"""
WORDS: tuple[str, ...] = tuple(_WORDS.split())

_CAPITALISED = """
The How If He So In She Then There On This Each It They After Write First Since What His Her For
Your We At And When That But You From Make Name Please Do My Can All Use Every Is Are Who Why Where
Explain Describe Give List Tell Let One Two No Not An As
"""
CAPITALISED: tuple[str, ...] = tuple(_CAPITALISED.split())
"""Words that often begin a sentence."""

_PIECES = """
in er es en al or ar an st it is on ed re le ti ro ta se te ve ll ic ou ea ch th sh ing ion tion ent
ers ess ter ate all est ist ial ous able ment ness ly ive ity
"""
PIECES: tuple[str, ...] = tuple(_PIECES.split())
"""Parts that words outside the list are made of."""
