"""Microsoft's own server of the Responses protocol, with an agent that calls a function if the input says /tool.

Usage: responses.py PORT
"""

import asyncio
import json
import sys

from azure.ai.agentserver.responses import ResponseEventStream, ResponsesAgentServerHost

app = ResponsesAgentServerHost()


@app.response_handler
async def answer(request, context, cancelled):
    text = await context.get_input_text()
    stream = ResponseEventStream(response_id=context.response_id, request=request)
    yield stream.emit_created()
    yield stream.emit_in_progress()
    if text.startswith("/tool "):
        _, name, arguments = text.split(" ", 2)
        call = stream.add_output_item_function_call(name=name, call_id="call_1")
        yield call.emit_added()
        yield call.emit_arguments_delta(arguments)
        yield call.emit_arguments_done(arguments)
        yield call.emit_done()
    elif text.startswith("/wait"):
        for _ in range(100):
            if cancelled.is_set():
                return
            await asyncio.sleep(0.1)
    else:
        message = stream.add_output_item_message()
        yield message.emit_added()
        part = message.add_text_content()
        yield part.emit_added()
        for word in ["You ", "said: ", text]:
            yield part.emit_delta(word)
        yield part.emit_text_done("You said: " + text)
        yield part.emit_done()
        yield message.emit_done()
    yield stream.emit_completed(usage={"input_tokens": 3, "output_tokens": 2, "total_tokens": 5,
        "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}})


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[1]))
