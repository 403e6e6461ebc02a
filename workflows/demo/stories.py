"""What contacts of the shop write about and how the shop answers. ``>`` contact, ``<`` agent, ``#`` note."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Line:
    """One message, or an internal comment."""

    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """A conversation from the first word to the closing note; texts may use first, agent, bike and order."""

    category: str
    summary: str
    tags: tuple[str, ...]
    lines: tuple[Line, ...]
    language: str = "en"

    def suits(self, language: str) -> bool:
        """Whether a contact of that language would talk so; English everybody does."""
        return self.language in ("en", language)


def _story(category: str, summary: str, tags: str, script: str, language: str = "en") -> Story:
    rows = [row.strip() for row in script.strip().splitlines()]
    lines = tuple(Line(row[0], row[1:].strip()) for row in rows)
    return Story(category, summary, tuple(tags.split()), lines, language)


STORIES: Final = (
    _story(
        "Support",
        "Order {order} was held at the depot; new delivery day agreed.",
        "",
        """
        >Hi, my order {order} should have come on Tuesday. Any idea where it is?
        <Hello {first}, let me look that up for you.
        # Carrier says: held at the depot since Monday, nobody was home.
        <It is waiting at the depot because nobody answered the door. Shall they try again on Friday?
        >Friday after 4 pm would be perfect, thanks!
        <Done, Friday between 4 and 7 pm. You will get a text message an hour before.
        >Great service, thank you {agent}
        """,
    ),
    _story(
        "Sales",
        "Advice on frame size for the {bike}; test ride booked.",
        "lead",
        """
        >Good morning! Which frame size of the {bike} fits 178 cm?
        <Good morning {first}! With 178 cm you are right between M and L. Do you know your inside leg?
        >83 cm
        <Then I would take the L. You are welcome to try both, we have them here until Saturday.
        >Can I come on Saturday at 11?
        <Saturday at 11 is yours. Please bring an identity card for the test ride.
        """,
    ),
    _story(
        "Support",
        "Squeaking brakes after a wet ride: cleaned discs, no repair needed.",
        "",
        """
        >My brakes scream since the rain last week 😬
        <Oh dear. Is it both wheels or only the front?
        >Mostly the front one, it is the {bike}
        <That is often just dirt on the disc. Wipe it clean with some alcohol, then brake hard ten times.
        >Wow, silent again. Thank you!
        <Glad to hear that. Ride safe, {first}!
        """,
    ),
    _story(
        "Returns",
        "Helmet too small, exchanged for size L.",
        "",
        """
        >The helmet from order {order} is too small for me. Can I swap it for an L?
        <Of course. I have just sent you a return label by e-mail.
        >Got it. Do I have to wait for the refund first?
        <No, the L leaves our warehouse today. Keep the receipt of the parcel, please.
        # Exchange without charge, customer since 2019.
        >Perfect
        """,
    ),
    _story(
        "Support",
        "Battery does not charge below 0 °C; explained, warranty case opened in case it goes on.",
        "bug",
        """
        >The battery of my {bike} stopped charging at 40 %
        <Hello {first}, sorry about that. Where do you charge it, and how warm is it there?
        >In the garage, so about 2 degrees right now
        <Below 5 °C the charger protects the cells and stops. Please try it in the flat overnight.
        >OK will do
        # If it comes back: warranty, serial number is in the file.
        >It works! 100 % this morning
        """,
    ),
    _story(
        "Sales",
        "Offer for twelve bikes sent to the company, follow-up next month.",
        "lead vip",
        """
        >Hello, we would like to lease 12 {bike} for our staff. Do you have company prices?
        <Hello {first}, we do: from ten bikes on there are 12 % off and free yearly service.
        >That sounds good. Could you send an offer to our office?
        <With pleasure. To which address should I send it?
        >To the one you have for me. We decide at the beginning of next month.
        <The offer is on its way. I will ask again in two weeks, if that is fine with you.
        >Fine!
        """,
    ),
    _story(
        "Support",
        "Changed the delivery address of order {order}.",
        "",
        """
        >Hi, I have moved. Can you still change the address of {order}?
        <Yes, it has not been packed yet. What is the new address?
        >Seestraße 14, 3rd floor, same city
        <Thanks, changed. The rest stays as it was.
        """,
    ),
    _story(
        "Workshop",
        "Yearly service booked.",
        "",
        """
        >Do you have a free slot for a yearly service next week?
        <Hi {first}! Wednesday at 9 or Thursday at 14, which suits you better?
        >Thursday please
        <Booked: Thursday, 14:00. The {bike} is ready the next day in the afternoon.
        >👍
        """,
    ),
    _story(
        "Spam",
        "",
        "",
        """
        >BEST SEO OFFER!!! First page in 7 days, reply YES
        """,
    ),
    _story(
        "Support",
        "Invoice for {order} sent again.",
        "",
        """
        >Guten Tag, ich brauche die Rechnung zu {order} noch einmal als PDF.
        <Guten Tag {first}, gern. Ich schicke sie Ihnen sofort per E-Mail.
        >Ist angekommen, vielen Dank!
        <Sehr gern. Einen schönen Tag noch!
        """,
        language="de",
    ),
    _story(
        "Returns",
        "Lock arrived damaged, replacement sent with priority.",
        "bug",
        """
        >The lock I got yesterday does not open at all. Order {order}
        <I am sorry, {first}. Could you tell me the number on the key?
        >NB-4471
        <Thank you. That batch had a faulty cylinder; a new lock goes out today, and you may keep this one.
        # Batch 4471: third case this week, tell purchasing.
        >Quick answer, thanks
        """,
    ),
    _story(
        "Sales",
        "Asked for the winter sale; added to the newsletter.",
        "newsletter",
        """
        >Bonjour, est-ce que le {bike} sera en promotion cet hiver ?
        <Bonjour {first} ! Les soldes commencent le 10 janvier, le {bike} en fait partie.
        >Super, pouvez-vous me prévenir ?
        <Bien sûr, je vous inscris à notre lettre d'information.
        """,
        language="fr",
    ),
    _story(
        "Workshop",
        "Puncture repaired while waiting.",
        "",
        """
        >I have a flat tyre right in front of your shop, can somebody help?
        <Just come in! Ask for the workshop, they know already.
        >You are heroes
        """,
    ),
)

QUESTIONS: Final = (
    "Are you open on Sunday?",
    "Is the {bike} in stock in green?",
    "Could you call me back about {order}?",
    "Hello? Is anybody there?",
    "Do you also repair bikes that I bought elsewhere?",
    "How long is the warranty of the battery?",
    "I would like to cancel {order}, please.",
    "Can I pay in instalments?",
    "Do you ship to the Canary Islands?",
    "Which child seat fits the {bike}?",
)
"""First words of conversations that nobody has answered yet."""
