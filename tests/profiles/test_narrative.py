"""Narrative: XHTML as FHIR allows it."""

from __future__ import annotations

import pytest

from tests.profiles.resources import XHTML, Json, patient, rules

START = '<div xmlns="http://www.w3.org/1999/xhtml">'
GOOD = [
    XHTML,
    f"{START}<table class='grid'><tr><td colspan='2'>a &amp; b &#160;</td></tr></table></div>",
    f"{START}<img src='#x' alt='x'/></div>",
    f"{START}<a href='http://x.org'>x</a><br/></div>",
]
BAD = {
    "no namespace": "<div><p>x</p></div>",
    "another namespace": '<div xmlns="http://www.w3.org/1999/xhtmlx"><p>x</p></div>',
    "no div": '<p xmlns="http://www.w3.org/1999/xhtml">x</p>',
    "text before it": f"x{XHTML}",
    "not well-formed": f"{START}<p>x</pa></div>",
    "an entity of HTML": f"{START}a&nbsp;b</div>",
    "nothing in it": f"{START} </div>",
    "a script": f"{START}<script>x</script></div>",
    "an object": f"{START}<object value='x'/>x</div>",
    "a form": f"{START}<form>x</form></div>",
    "an event": f"{START}<p onclick='x'>x</p></div>",
    "a script in a link": f"{START}<a href='javascript:x'>x</a></div>",
    "a document type": f"<!DOCTYPE div [<!ENTITY x 'y'>]>{START}&x;</div>",
    "a paragraph in a paragraph": f"{START}<p><p>x</p></p></div>",
}


@pytest.mark.parametrize("div", GOOD)
def test_good_narrative(div: str) -> None:
    """Basic formatting, tables, images and links are allowed in narrative."""
    assert rules(patient(text={"status": "generated", "div": div})) == []


PICTURE = {"resourceType": "Binary", "id": "x", "contentType": "image/png", "data": "QUJD"}


@pytest.mark.parametrize(("contained", "expected"), [([PICTURE], []), (None, ["narrative-image"])])
def test_an_image_of_the_resource_itself(contained: list[Json] | None, expected: list[str]) -> None:
    """An image may be a contained resource, which narrative alone refers to; one that is not there is a warning."""
    more = {"contained": contained} if contained else {}
    resource = patient(text={"status": "generated", "div": f"{START}<img src='#x' alt='x'/></div>"}, **more)
    assert rules(resource) == []
    assert rules(resource, severity="warning") == expected


@pytest.mark.parametrize("div", BAD.values(), ids=BAD.keys())
def test_bad_narrative(div: str) -> None:
    """Narrative with scripts, invalid XHTML or no content is an error."""
    assert set(rules(patient(text={"status": "generated", "div": div}))) & {"txt-1", "txt-2"}
