// Like kubia, but from the sixth request on every answer is a 500: something for a liveness probe to find.
const http = require('http');
const os = require('os');

console.log('Kubia server starting...');

let requests = 0;
const server = http.createServer((request, response) => {
  console.log('Received request from ' + request.connection.remoteAddress);
  requests += 1;
  if (requests > 5) {
    response.writeHead(500);
    response.end("I'm not well. Please restart me!\n");
    return;
  }
  response.writeHead(200);
  response.end("You've hit " + os.hostname() + '\n');
});

server.listen(8080);
