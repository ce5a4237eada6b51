// A web server that scores one posted face crop: node examples/server.mjs model.onnx 8080
//   curl --data-binary @face.jpg http://localhost:8080
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { loadModel, predict } from 'ldcnet';

const [path, port = '8080'] = process.argv.slice(2);
const model = await loadModel(path);

const server = createServer(async (request, response) => {
  try {
    const [{ score, decision }] = await predict(model, [await buffer(request)]);
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ score, decision }));
  } catch (error) {
    response.writeHead(400).end(`${error.message}\n`);
  }
});
server.listen(Number(port), 'localhost', () => console.log(`http://localhost:${server.address().port}`));
