import asyncio

import bpe_openai
import openai
import pytest

ENCODING = bpe_openai.get_encoding("o200k_base")


def count(text):
    return len(ENCODING.encode_ordinary(text))


def collect(stream):
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    return chunks, text


def test_an_answer_says_that_it_is_simulated_and_what_came_in(simulator):
    answer = simulator.ask(
        "",
        messages=[
            {
                "role": "system",
                "content": "You help Acme.\n"
                '<memory id="1" title="Tone">Be brief.</memory>\n'
                "<memory>Acme ships on Fridays, never on Mondays, by rail only</memory>\n"
                "<document name='handbook.pdf'>Refunds take a week.</document>",
            },
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi"},
            {"role": "user", "content": "How long does a refund take?"},
        ],
    )
    assert answer.choices[0].message.content == (
        "**This is a simulated answer.** No model was called.\n\n"
        "You asked:\n\n> How long does a refund take?\n\n"
        "What reached the model:\n\n"
        "- Model: `sim-small`\n"
        "- Instructions: “You help Acme…”\n"
        "- Memories (2): Tone; Acme ships on Fridays, never on Mondays, by\n"
        "- Document: handbook.pdf\n"
        "- Earlier messages: 2\n\n"
        "Set `OPENAI_API_KEY` to have a real model answer."
    )
    assert answer.choices[0].finish_reason == "stop"


def test_nothing_that_did_not_come_in_is_mentioned(simulator):
    text = simulator.ask("Hello").choices[0].message.content
    for absent in ("Instructions", "Memor", "Document", "Earlier", "Tools", "Images"):
        assert absent not in text


def test_code_and_tables_are_given_when_asked_for(simulator):
    assert "```python\n" in simulator.ask("Write a function that adds").choices[0].message.content
    assert "| --- | --- |" in simulator.ask("Make a table of it").choices[0].message.content


def test_the_same_request_has_the_same_answer(simulator):
    first, second = simulator.ask("Twice", seed=1), simulator.ask("Twice", seed=1)
    assert first.choices == second.choices
    assert first.usage == second.usage
    assert first.id != second.id


def test_a_stream_gives_the_text_and_usage_of_the_whole_answer(simulator):
    question = "Write code for a naïve 👩‍💻 in 日本語"
    whole = simulator.ask(question)
    chunks, text = collect(simulator.stream(question))
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert chunks[-1].choices == []
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_every_token_is_one_chunk_and_usage_is_what_a_tokenizer_counts(simulator):
    chunks, text = collect(simulator.stream("/sim echo=naïve 👩‍💻 日本語 𓀀 <|endoftext|>"))
    deltas = [chunk for chunk in chunks[1:-2] if chunk.choices]
    assert text == "naïve 👩‍💻 日本語 𓀀 <|endoftext|>"
    assert chunks[-1].usage.completion_tokens == len(deltas) == count(text)


def test_prompt_tokens_follow_the_published_rule(simulator):
    messages = [
        {"role": "system", "content": "You are terse."},
        {"role": "user", "name": "ann", "content": "One two three"},
    ]
    expected = 3 + (3 + count("system") + count("You are terse."))
    expected += 3 + count("user") + count("One two three") + 1 + count("ann")
    assert simulator.ask("", messages=messages).usage.prompt_tokens == expected


def test_a_stream_without_include_usage_has_no_usage_chunk(simulator):
    chunks = list(simulator.stream("Hello", stream_options=openai.omit))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_token_limit_cuts_the_answer(simulator, name):
    answer = simulator.ask("Hello", **{name: 4})
    assert answer.choices[0].message.content == "**This is a"
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 4
    chunks, text = collect(simulator.stream("Hello", **{name: 4}))
    assert (text, chunks[-2].choices[0].finish_reason) == ("**This is a", "length")


def test_a_stop_sequence_ends_the_answer_before_it(simulator):
    answer = simulator.ask("/sim echo=one two three four", stop=["four", " three"])
    assert answer.choices[0].message.content == "one two"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == count("one two")


def test_a_length_that_was_asked_for_is_exact_and_retokenizes(simulator):
    for wanted in (1, 40, 300):
        answer = simulator.ask(f"Hello\n/sim tokens={wanted}")
        assert answer.usage.completion_tokens == wanted
    assert count(answer.choices[0].message.content) == 300
    assert "/sim" not in answer.choices[0].message.content


def test_reasoning_and_cached_tokens_are_zero_unless_asked_for(simulator):
    plain = simulator.ask("Hello").usage
    assert plain.prompt_tokens_details.cached_tokens == 0
    assert plain.completion_tokens_details.reasoning_tokens == 0
    asked = simulator.ask("/sim reasoning=50 cached=7 echo=Yes").usage
    assert asked.prompt_tokens_details.cached_tokens == 7
    assert asked.completion_tokens_details.reasoning_tokens == 50
    assert asked.completion_tokens == 50 + count("Yes")


def test_reasoning_can_use_up_the_token_limit(simulator):
    answer = simulator.ask("/sim reasoning=50 echo=Yes", max_completion_tokens=20)
    assert answer.choices[0].message.content == ""
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 20


def test_hostile_text_over_several_lines_comes_back_exactly(simulator):
    hostile = "<script>alert(1)</script>\n\n![x](https://example.com/x.png)\n/sim tokens=3\n  end"
    answer = simulator.ask(f"Do it\n/sim rate=0 text<<END\n{hostile}\nEND\nplease")
    assert answer.choices[0].message.content == hostile


def test_a_short_request_about_a_title_gets_a_title(simulator):
    answer = simulator.ask(
        "",
        max_tokens=20,
        messages=[
            {"role": "system", "content": "Give this conversation a title."},
            {"role": "user", "content": "How do I bake a really good sourdough bread at home?"},
        ],
    )
    assert answer.choices[0].message.content == "How do I bake a really"


def test_images_in_a_question_are_accepted_and_counted(simulator):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    answer = simulator.ask("", messages=[{"role": "user", "content": parts}])
    assert "- Images: 1" in answer.choices[0].message.content
    assert answer.usage.prompt_tokens == 3 + 3 + count("user") + count("What is this?") + 85


def test_the_async_client_streams_many_answers_side_by_side(simulator):
    async def ask(client, number):
        stream = await client.chat.completions.create(
            model="gpt-4o-mini",
            stream=True,
            messages=[{"role": "user", "content": f"/sim tokens=30 rate=300 echo=Answer {number}:"}],
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def ask_all():
        async with openai.AsyncOpenAI(base_url=f"{simulator.address}/v1", api_key="x") as client:
            return await asyncio.gather(*(ask(client, number) for number in range(30)))

    answers = asyncio.run(ask_all())
    assert [text.partition(":")[0] for text in answers] == [f"Answer {number}" for number in range(30)]
    assert [count(text) for text in answers] == [30] * 30


def test_the_rate_and_the_delay_are_kept(simulator):
    simulator.ask("/sim tokens=21 delay_ms=100 rate=100")
    plain = simulator.last_record()
    collect(simulator.stream("/sim tokens=21 delay_ms=100 rate=100"))
    streamed = simulator.last_record()
    assert 0.3 <= plain["ended_at"] - plain["started_at"] < 0.6
    assert 0.1 <= streamed["first_at"] - streamed["started_at"] < 0.3
    assert 0.19 <= streamed["ended_at"] - streamed["first_at"] < 0.5
