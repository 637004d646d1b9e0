<?php
// SimpleSAMLphp as a service provider; the test puts the file with what differs beside it.
$said = json_decode(file_get_contents(__DIR__ . '/said.json'), true);
$config = [
    'baseurlpath' => $said['base'] . '/',
    'certdir' => $said['dir'] . '/',
    'datadir' => $said['dir'] . '/',
    'tempdir' => $said['dir'] . '/tmp',
    'loggingdir' => $said['dir'] . '/',
    'logging.handler' => 'file',
    'logging.level' => SimpleSAML\Logger::INFO,
    'errorreporting' => false,
    'secretsalt' => 'only of this test',
    'auth.adminpassword' => bin2hex(random_bytes(16)),
    'timezone' => 'UTC',
    'store.type' => 'phpsession',
    'session.phpsession.savepath' => $said['dir'] . '/tmp',
    'session.cookie.secure' => false,
    'session.phpsession.cookiename' => 'SimpleSAMLphp',
    'module.enable' => ['core' => true, 'saml' => true],
    'metadata.sources' => [['type' => 'xml', 'file' => $said['idp_metadata']]],
    'trusted.url.domains' => [parse_url($said['base'], PHP_URL_HOST) . ':' . parse_url($said['base'], PHP_URL_PORT)],
];
