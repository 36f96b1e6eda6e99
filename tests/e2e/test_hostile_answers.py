"""A model that turns against its reader: nothing it says runs, loads or leaves before a click."""

from playwright.sync_api import expect

IMAGE = "https://images.tracker.example/pixel.png?who=reader"
HOSTILE = f"""Start.

![a picture]({IMAGE})
![protocol-relative](//tracker.example/b.png)
![data](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+)
![referenced][ref]

<img src="https://tracker.example/c.png" onerror="document.title='owned'">
<script>document.title = "owned"</script>
<iframe src="https://tracker.example/frame"></iframe>
<link rel="stylesheet" href="https://tracker.example/d.css">
<svg onload="document.title='owned'"></svg>
<form action="https://tracker.example/"><button data-image-src="https://tracker.example/e.png">x</button></form>

[harmless](javascript:document.title='owned') [there](https://elsewhere.example/page) <https://auto.example/>

```html
<script>document.title = "owned"</script>
```

| a | b |
|---|:-:|
| ![in a table](https://tracker.example/f.png) | <b onclick="document.title='owned'">x</b> |

[ref]: https://tracker.example/g.png "t"

End."""
QUESTION = "<img src=https://tracker.example/q.png onerror=\"document.title='owned'\"> & <b>bold</b>?"


def test_nothing_in_an_answer_runs_or_loads_before_a_click(owner, watch):
    owner.start(QUESTION, exact=HOSTILE, rate=150)
    title = owner.page.title()
    expect(owner.stream).to_contain_text("<script>")  # while it streams it is text
    answer = owner.wait_final()
    expect(answer).to_contain_text("End.")

    assert owner.page.title() == title
    assert watch.foreign == []
    prose = answer.locator(".prose")
    assert prose.locator("img, script, iframe, link, form, style, object, embed").count() == 0
    assert prose.locator("svg:not([data-copy] svg)").count() == 0
    targets = [link.get_attribute("href") for link in prose.locator("a").all()]
    assert targets == [
        IMAGE, "https://tracker.example/g.png", "https://elsewhere.example/page", "https://auto.example/",
        "https://tracker.example/f.png",
    ]  # fmt: skip
    for link in prose.locator("a").all():
        assert {"noopener", "noreferrer"} <= set((link.get_attribute("rel") or "").split())
    handlers = "nodes => nodes.flatMap((n) => n.getAttributeNames()).filter((n) => /^(on|style)/.test(n))"
    assert prose.locator("*").evaluate_all(handlers) == []
    expect(owner.questions.last).to_contain_text("<img src=")
    owner.check_accessible()

    owner.page.reload()
    expect(owner.answers.last).to_contain_text("End.")
    assert watch.foreign == []


def test_a_remote_image_is_asked_for_by_a_click_in_a_tab_of_its_own(owner, watch):
    owner.start("Show a picture.", exact=HOSTILE, rate=0)
    link = owner.wait_final().get_by_role("link", name="images.tracker.example")
    assert watch.foreign == []

    with owner.page.context.expect_page() as opened:
        link.click()

    opened.value.wait_for_load_state()
    assert watch.foreign == [IMAGE]
    assert opened.value.evaluate("window.opener") is None
    watch.foreign.clear()
    watch.errors.clear()  # the image is not to be had here


def test_the_watch_would_notice(owner, watch):
    """Control: what the other tests rely on sees a foreign request, a violated policy and an error."""
    owner.open_chat()

    owner.page.evaluate("""async () => {
      const image = document.createElement("img");
      const refused = new Promise((done) => document.addEventListener("securitypolicyviolation", done));
      image.src = "https://tracker.example/control.png";
      document.body.append(image);
      await refused;
      console.error("control");
    }""")
    owner.page.evaluate("url => { window.open(url, '_blank', 'noopener'); }", "https://tracker.example/tab")

    expect(owner.page.locator("body")).to_be_visible()
    owner.page.wait_for_timeout(0)
    assert any("CSP: img-src" in error for error in watch.errors)
    assert any("control" in error for error in watch.errors)
    for _ in range(100):
        if watch.foreign:
            break
        owner.page.wait_for_timeout(20)
    assert watch.foreign == ["https://tracker.example/tab"]
    watch.foreign.clear()
    watch.errors.clear()
