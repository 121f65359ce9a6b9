#!/usr/bin/python3
"""A stand-in for the kubelet, for the lab's guest: it reads the files that its arguments name as the kubelet would, writes into
its folder, and says that it is healthy. It speaks to no API server and runs no pods.
"""

import argparse
import http.server
import os
import sys

import yaml

STATE_FOLDER = '/var/lib/kubelet'


def read(path, kind):
    with open(path, encoding='utf-8') as file:
        document = yaml.safe_load(file)
    if document.get('kind') != kind:
        sys.exit(f'{path} is no {kind}')
    return document


class Healthz(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == '/healthz' else 404)
        self.end_headers()
        if self.path == '/healthz':
            self.wfile.write(b'ok')

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--config', required=True)
    parser.add_argument('--kubeconfig', required=True)
    parser.add_argument('--hostname-override', required=True)
    parser.add_argument('--node-labels', default='')
    arguments = parser.parse_args()
    config = read(arguments.config, 'KubeletConfiguration')
    kubeconfig = read(arguments.kubeconfig, 'Config')
    with open(config['authentication']['x509']['clientCAFile'], encoding='utf-8') as file:
        if 'BEGIN CERTIFICATE' not in file.read():
            sys.exit('clientCAFile holds no certificate')
    os.makedirs(STATE_FOLDER, exist_ok=True)
    with open(f'{STATE_FOLDER}/standin', 'w', encoding='utf-8') as file:
        file.write(f'{arguments.hostname_override} would join {kubeconfig["clusters"][0]["cluster"]["server"]}\n')
    server = http.server.HTTPServer(('127.0.0.1', config.get('healthzPort', 10248)), Healthz)
    server.serve_forever()


if __name__ == '__main__':
    main()
