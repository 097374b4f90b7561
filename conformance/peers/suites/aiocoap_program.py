"""aiocoap as a program of its own.

    aiocoap_program.py server PORT     serves /store/NAME, /echo and /separate, as `lwm2m-coap serve` does
    aiocoap_program.py client          takes commands on standard input, one JSON object a line, answers each by a
                                       line that begins with `answer`
"""

import asyncio
import json
import sys

from aiocoap import Code, Context, Message, Type, resource

BLOCK_SIZES = {16 << szx: szx for szx in range(7)}
# How long a state that was told is waited for, seconds.
PATIENCE = 30


# --- server ----------------------------------------------------------------------------------------


class Document(resource.ObservableResource):
    """A document; `None`: there is none."""

    def __init__(self):
        super().__init__()
        self.content = None

    def change(self, content):
        code = Code.CREATED if self.content is None else Code.CHANGED
        self.content = content
        self.updated_state()
        return Message(code=code)

    async def render_get(self, request):
        if self.content is None:
            return Message(code=Code.NOT_FOUND)
        return Message(code=Code.CONTENT, payload=self.content)

    async def render_put(self, request):
        return self.change(request.payload)

    async def render_post(self, request):
        return self.change((self.content or b"") + request.payload)

    async def render_ipatch(self, request):
        if self.content is None:
            return Message(code=Code.NOT_FOUND)
        return self.change(request.payload + self.content[len(request.payload):])

    async def render_fetch(self, request):
        if self.content is None:
            return Message(code=Code.NOT_FOUND)
        first, last = map(int, request.payload.split(b"-"))
        return Message(code=Code.CONTENT, payload=self.content[first:last + 1])

    async def render_delete(self, request):
        self.content = None
        return Message(code=Code.DELETED)


class Store(resource.Resource, resource.PathCapable):
    """Makes documents when they are asked for."""

    def __init__(self):
        super().__init__()
        self.documents = {}

    def document(self, request):
        return self.documents.setdefault(request.opt.uri_path, Document())

    async def needs_blockwise_assembly(self, request):
        return True

    async def render_to_pipe(self, pipe):
        await self.document(pipe.request).render_to_pipe(pipe)


class Echo(resource.Resource):
    async def render_fetch(self, request):
        return Message(code=Code.CONTENT, payload=request.payload)


class Separate(resource.Resource):
    async def render_get(self, request):
        # Longer than aiocoap waits before it acknowledges.
        await asyncio.sleep(0.7)
        return Message(code=Code.CONTENT, payload=b"separate")


async def serve(port):
    site = resource.Site()
    site.add_resource(["store"], Store())
    site.add_resource(["echo"], Echo())
    site.add_resource(["separate"], Separate())
    await Context.create_server_context(site, bind=("127.0.0.1", port))
    print("listening", flush=True)
    await asyncio.get_running_loop().create_future()


# --- client ----------------------------------------------------------------------------------------


class Client:
    def __init__(self, context):
        self.context = context
        self.watched = None
        self.states = None

    def message(self, method, command):
        kind = Type.NON if command.get("non") else Type.CON
        code = Code.iPATCH if method == "ipatch" else getattr(Code, method.upper())
        message = Message(code=code, uri=command["uri"], mtype=kind)
        message.payload = bytes.fromhex(command.get("content", ""))
        if command.get("content_format") is not None:
            message.opt.content_format = command["content_format"]
        if command.get("block"):
            szx = BLOCK_SIZES[command["block"]]
            message.remote.maximum_block_size_exp = szx
            if method == "get":
                message.opt.block2 = (0, False, szx)
        return message

    async def ask(self, command):
        answer = await self.context.request(self.message(command["method"], command)).response
        return {"code": answer.code.dotted, "payload": answer.payload.hex()}

    async def observe(self, command):
        message = self.message("get", command)
        message.opt.observe = 0
        self.states = asyncio.Queue()
        self.watched = self.context.request(message)
        self.watched.observation.register_callback(self.states.put_nowait)
        self.states.put_nowait(await self.watched.response)
        return {}

    async def next(self, command):
        state = await asyncio.wait_for(self.states.get(), PATIENCE)
        return {"payload": state.payload.hex()}

    async def forget(self, command):
        self.watched.observation.cancel()
        return {}


async def obey():
    client = Client(await Context.create_client_context())
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        try:
            answer = await getattr(client, command["do"])(command)
        except Exception as error:  # noqa: BLE001 - whatever it is, the check has to know
            answer = {"error": f"{type(error).__name__}: {error}"}
        print("answer", json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[2])) if sys.argv[1] == "server" else obey())
