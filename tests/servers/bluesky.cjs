// A Bluesky network of its own on loopback, for tests: directory, one personal data server, AppView with search, and in
// front of the server's firehose a door that speaks as Jetstream does. Started by bluesky.sh; prints READY and JSON.
//   node bluesky.cjs PORT        uses PORT … PORT+3
const http = require('node:http');
const { TestNetwork } = require('@atproto/dev-env');
const { Firehose } = require('@atproto/sync');
const { IdResolver } = require('@atproto/identity');
const { WebSocketServer } = require('ws');

const port = Number(process.argv[2]);
const events = []; // every record's change since the start, as Jetstream tells it
const readers = new Set();

function tell(event) {
  const last = events.length ? events[events.length - 1].time_us : 0;
  const told = { did: event.did, time_us: Math.max(Date.now() * 1000, last + 1) };
  if (event.event === 'create' || event.event === 'update' || event.event === 'delete') {
    told.kind = 'commit';
    told.commit = { rev: event.rev, operation: event.event, collection: event.collection, rkey: event.rkey };
    if (event.event !== 'delete') Object.assign(told.commit, { record: event.record, cid: event.cid.toString() });
  } else {
    told.kind = event.event === 'account' ? 'account' : 'identity';
    told[told.kind] = { did: event.did, seq: event.seq, time: event.time };
  }
  events.push(told);
  for (const reader of readers) send(reader, told);
}

function send(reader, told) {
  const wanted = told.kind !== 'commit' || !reader.wanted.length || reader.wanted.includes(told.commit.collection);
  if (wanted && told.time_us > reader.cursor) reader.socket.send(JSON.stringify(told));
}

function jetstream() {
  const server = http.createServer((request, response) => {
    response.statusCode = request.url === '/' ? 200 : 404;
    response.end('Jetstream');
  });
  new WebSocketServer({ server, path: '/subscribe' }).on('connection', (socket, request) => {
    const query = new URL(request.url, 'http://x').searchParams;
    const reader = { socket, wanted: query.getAll('wantedCollections'), cursor: Number(query.get('cursor') || 0) };
    for (const told of events) send(reader, told);
    reader.cursor = 0;
    readers.add(reader);
    socket.on('close', () => readers.delete(reader));
  });
  server.listen(port + 3, '127.0.0.1');
}

(async () => {
  const net = await TestNetwork.create({
    dbPostgresSchema: 'uji',
    plc: { port },
    pds: { port: port + 1, hostname: 'localhost' },
    bsky: { port: port + 2, dbPostgresSchema: 'uji_bsky', publicUrl: `http://localhost:${port + 2}` },
  });
  const firehose = new Firehose({
    service: net.pds.url.replace('http', 'ws'),
    idResolver: new IdResolver({ plcUrl: net.plc.url }),
    handleEvent: tell,
    onError: (error) => console.error(error),
  });
  firehose.start();
  jetstream();
  const door = `http://127.0.0.1:${port + 3}`;
  console.log('READY', JSON.stringify({ pds: net.pds.url, appview: net.bsky.url, jetstream: door }));
  process.on('SIGTERM', () => process.exit(0)); // its databases are thrown away
})().catch((error) => { console.error(error); process.exit(1); });
