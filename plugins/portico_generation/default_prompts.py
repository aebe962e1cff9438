"""The default prompts, by the names of the settings that replace them."""

from collections.abc import Mapping
from typing import Final

_TITLE: Final = """### Task
Find a title for the conversation below.

### Rules
- 3 to 5 words that name its subject, so that the user finds the conversation again in a list.
- Write in the language of the conversation. If it mixes languages, use the one that the user writes.
- You may begin with one emoji that fits the subject.
- No quotation marks, no full stop, no formatting.
- Do not answer the conversation. Answer with one JSON object and nothing else.

### Answer
{ "title": "the title" }

### Examples
{ "title": "📈 Reading a Balance Sheet" }
{ "title": "Rezept für Zwetschgenkuchen" }
{ "title": "🐍 Slow Python Imports" }

### Conversation
<conversation>
{{MESSAGES:END:2}}
</conversation>"""

_FOLLOW_UPS: Final = """### Task
Suggest what the user may want to ask next in the conversation below.

### Rules
- 3 to 5 questions or requests, each one short sentence.
- Write them as the user would, addressed to the assistant.
- Each continues the subject, and asks for nothing that was answered already.
- Write in the language of the conversation.
- Do not answer the conversation. Answer with one JSON object and nothing else.

### Answer
{ "follow_ups": ["first question", "second question", "third question"] }

### Conversation
<conversation>
{{MESSAGES:END:6}}
</conversation>"""

_TAGS: Final = """### Task
Name the subjects of the conversation below, for a list of tags.

### Rules
- First 1 to 3 broad areas, such as Science, Technology, Cooking, Travel or Music; then 1 to 3 narrower subjects, if the
  conversation has clear ones.
- Each tag is one to three words, in the language of the conversation.
- If the conversation is too short, or has no clear subject, the only tag is "General".
- Rather few tags that are right than many.
- Do not answer the conversation. Answer with one JSON object and nothing else.

### Answer
{ "tags": ["area", "narrower subject"] }

### Conversation
<conversation>
{{MESSAGES:END:6}}
</conversation>"""

_QUERY: Final = """### Task
Decide what has to be searched to answer the last message of the conversation below, and write the queries.

### Rules
- 1 to 3 queries, short and different from each other, as one would type them into a search engine.
- Leave the list empty only if it is certain that a search can add nothing.
- Prefer queries that find recent information. Today is {{CURRENT_DATE}}.
- Write in the language in which the best sources are likely to be written, usually that of the user.
- Do not answer the conversation. Answer with one JSON object and nothing else.

### Answer
{ "queries": ["first query", "second query"] }
or, if nothing has to be searched:
{ "queries": [] }

### Conversation
<conversation>
{{MESSAGES:END:6}}
</conversation>"""

_AUTOCOMPLETE: Final = """### Task
Continue the text that the user is typing.

### Rules
- Continue exactly where the text ends, and repeat nothing of it.
- Write in its language and style, and no more than the rest of the sentence.
- The type is {{TYPE}}. General: continue the thought in plain prose. Search Query: complete the words to a query.
- If nothing fits, the text is empty.
- Do not answer the text. Answer with one JSON object and nothing else.

### Answer
{ "text": "the continuation" }

### Examples
Type General, text "The sun was setting over": { "text": " the hills, and the first lights came on." }
Type Search Query, text "train from vienna to": { "text": " venice night timetable" }

### Conversation so far
<conversation>
{{MESSAGES:END:6}}
</conversation>

### Text
<type>{{TYPE}}</type>
<text>{{prompt}}</text>"""

_IMAGE: Final = """### Task
Describe the picture that the user of the conversation below asks for, as a prompt for an image model.

### Rules
- Describe what is to be seen: subject, surroundings, composition, light, colours, material and style.
- Be concrete. Add what is needed for a good picture, but nothing that contradicts the user.
- Write in English, in one paragraph.
- Answer with one JSON object and nothing else.

### Answer
{ "prompt": "the description" }

### Conversation
<conversation>
{{MESSAGES:END:6}}
</conversation>"""

_EMOJI: Final = """Which one emoji expresses the mood or the subject of this message best? Answer with that emoji and nothing else.

<message>
{{prompt}}
</message>"""

_MIXTURE: Final = """Several models have answered the same question. Write the one answer that a careful expert would give after reading
all of them.

- Check what they claim. They may be wrong, incomplete or one-sided, also where they agree.
- Where they contradict each other, decide by reasons, or say that it is open.
- Take over what is right and useful, leave out repetition, and put it in a clear order.
- Answer the question itself. Do not mention that there were several answers.

<question>
{{prompt}}
</question>

<answers>
{{responses}}
</answers>"""

_TOOLS: Final = """### Available tools
{{TOOLS}}

### Task
Choose the tools that are needed to answer the user, with their parameters.

### Rules
- Choose only tools from the list, and give every parameter that a tool requires. Invent no values: take them from the
  conversation.
- If no tool is needed, or a required value is unknown, the list is empty.
- Answer with one JSON object and nothing else.

### Answer
{ "tool_calls": [{ "name": "tool", "parameters": { "parameter": "value" } }] }"""

_VOICE: Final = """Your answer will be read aloud.

- Be brief: one to three sentences, unless the user asks for more.
- Write as one speaks: plain words, no lists, tables, headings, formatting, emojis or links.
- Write numbers, units and abbreviations so that they can be spoken.
- Answer in the language of the user."""

#: By the names of the settings. `emoji` and `mixture` cannot be replaced.
DEFAULT_PROMPTS: Final[Mapping[str, str]] = {
    "title_prompt": _TITLE,
    "follow_up_prompt": _FOLLOW_UPS,
    "tags_prompt": _TAGS,
    "query_prompt": _QUERY,
    "autocomplete_prompt": _AUTOCOMPLETE,
    "image_prompt": _IMAGE,
    "tools_prompt": _TOOLS,
    "voice_prompt": _VOICE,
    "emoji": _EMOJI,
    "mixture": _MIXTURE,
}
