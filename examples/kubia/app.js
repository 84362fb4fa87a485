// Answers every request with the name of the host it runs on: in a cluster, the name of the pod.
const http = require('http');
const os = require('os');

console.log('Kubia server starting...');

const server = http.createServer((request, response) => {
  console.log('Received request from ' + request.connection.remoteAddress);
  response.writeHead(200);
  response.end("You've hit " + os.hostname() + '\n');
});

server.listen(8080);
