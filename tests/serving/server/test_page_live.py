"""The page and a camera, over a long time and several versions of the model.

The browser's camera, clock and server are stood in for: what it shows must not grow,
and must be of the version that answers.
"""

import json

import pytest

from tests.serving.server import chromium

pytestmark = pytest.mark.skipif(chromium.PATH is None, reason="needs Chromium")

#: `told` is what the server says from now on; `ahead` is how far the clock is moved.
STAND_INS = """
window.told = {version: "1", classes: ["neutral", "anger"], limit: 0.5, left: 0,
  at: []};
window.ahead = 0;
const clock = performance.now.bind(performance);
// Slow, so that a busy machine forgets nobody.
performance.now = () => clock() / 1000 + window.ahead;
const canvas = document.createElement("canvas");
canvas.width = canvas.height = 64;
setInterval(() => canvas.getContext("2d").fillRect(Math.random() * 64, 0, 9, 9), 20);
navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(30);
function face(x) {
  const scores = Object.fromEntries(told.classes.map((name) => [name, 0.5]));
  return {box: {x, y: 9, width: 9, height: 9}, points: [], score: 0.9, yaw: null,
    pitch: null, roll: null, expression: told.classes[0], expression_scores: scores,
    action_unit_scores: {AU01: 0.5}, action_units: [], valence: 0, arousal: 0};
}
window.fetch = async (path) => ({ok: true, json: async () => path.includes("taxonomy")
  ? {model_version: told.version, expressions: told.classes, action_units: ["AU01"],
    thresholds: {AU01: told.limit}, valence_arousal: true}
  : {model_version: told.version, width: 64, height: 64, faces_left_out: told.left,
    faces: told.at.map(face)}});
"""
TITLES = "[...document.querySelectorAll('.face h2')].map((h) => h.textContent).join()"


@pytest.fixture
def browser(server, tmp_path):
    found = chromium.Chromium(tmp_path / "profile")
    found.call("Page.addScriptToEvaluateOnNewDocument", source=STAND_INS)
    found.call("Page.navigate", url=f"http://127.0.0.1:{server.port}/")
    found.wait("document.getElementById('model')?.textContent.includes('version 1')")
    found.run("document.getElementById('camera').click()")
    yield found
    found.close()


def tell(browser, **change):
    browser.run(f"Object.assign(told, {json.dumps(change)}); null")


def test_somebody_who_left_is_forgotten_after_a_while(browser):
    tell(browser, at=[5, 45])
    browser.wait(f"{TITLES} == 'Face 1,Face 2'")
    # Gone for a moment only: known again.
    tell(browser, at=[5])
    browser.wait(f"{TITLES} == 'Face 1'")
    tell(browser, at=[5, 45])
    browser.wait(f"{TITLES} == 'Face 1,Face 2'")
    tell(browser, at=[5])
    browser.wait(f"{TITLES} == 'Face 1'")
    browser.run("ahead += 6000")
    browser.wait("new Promise((done) => setTimeout(done, 500, true))")
    tell(browser, at=[5, 45])
    browser.wait(f"{TITLES} == 'Face 1,Face 3'")
    # A clip that stood still for longer goes on with the people whom it had.
    browser.run("ahead += 60000")
    browser.wait("new Promise((done) => setTimeout(done, 500, true))")
    assert browser.run(TITLES) == "Face 1,Face 3"
    assert browser.problems() == []


def test_people_and_cards_do_not_grow(browser):
    script = """import("/people.js").then(({ People }) => {
      const people = new People();
      let most = 0;
      for (let n = 0; n < 5000; n += 1) {
        const box = {x: 1000 * (n % 7), y: 1000 * n, width: 9, height: 9};
        people.number([{box}], 100 * n);
        most = Math.max(most, people.known.length);
      }
      return [people.met, most, people.knows(4999), people.knows(4900)];
    })"""
    assert browser.run(script) == [5000, 50, True, False]


def test_another_version_has_cards_of_its_own(browser):
    tell(browser, at=[5])
    shown = "document.getElementById('faces').textContent"
    mark = "document.querySelector('.units .limit').style.left"
    browser.wait(f"{shown}.includes('anger')")
    assert browser.run(mark) == "50%"
    tell(browser, version="2", classes=["neutral", "joy"], limit=0.25)
    browser.wait(f"{shown}.includes('joy')")
    assert browser.run(mark) == "25%"
    text = browser.run(shown)
    assert "anger" not in text and "NaN" not in text
    assert "version 2" in browser.run("document.getElementById('model').textContent")
    assert browser.problems() == []


def test_the_status_tells_of_faces_that_were_left_out(browser):
    tell(browser, at=[5], left=3)
    browser.run("ahead += 6000")
    status = "document.getElementById('status').textContent"
    browser.wait(f"{status}.includes('3 more left out')")
