<?php
// The application: begins sign-ins and sign-outs, and shows as JSON what came of them. All else is SimpleSAMLphp's.
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (!in_array($path, ['/login', '/logout', '/shown'], true)) {
    return false;
}
require_once getenv('SIMPLESAMLPHP') . '/lib/_autoload.php';
$said = json_decode(file_get_contents(getenv('SIMPLESAMLPHP_CONFIG_DIR') . '/said.json'), true);
$sp = new SimpleSAML\Auth\Simple('default-sp');
if ($path === '/login') {
    $wishes = ['ReturnTo' => $said['base'] . '/shown', 'ErrorURL' => $said['base'] . '/shown'];
    if (isset($_GET['force'])) {
        $wishes['ForceAuthn'] = true;
    }
    if (isset($_GET['passive'])) {
        $wishes['isPassive'] = true;
    }
    if (isset($_GET['context'])) {
        $wishes['saml:AuthnContextClassRef'] = $_GET['context'];
    }
    $sp->login($wishes);
}
if ($path === '/logout') {
    $sp->logout($said['base'] . '/shown');
}
header('Content-Type: application/json');
if (!$sp->isAuthenticated()) {
    $why = 'nobody is signed in';
    if (isset($_GET[SimpleSAML\Auth\State::EXCEPTION_PARAM])) {
        $state = SimpleSAML\Auth\State::loadExceptionState();
        $why = get_class($state[SimpleSAML\Auth\State::EXCEPTION_DATA]) . ' ' . $state[SimpleSAML\Auth\State::EXCEPTION_DATA]->getMessage();
    }
    exit(json_encode(['error' => $why]));
}
$name = $sp->getAuthData('saml:sp:NameID');
exit(json_encode([
    'issuer' => $sp->getAuthData('saml:sp:IdP'),
    'name_id' => $name->getValue(),
    'format' => $name->getFormat(),
    'session_index' => $sp->getAuthData('saml:sp:SessionIndex'),
    'class' => $sp->getAuthData('saml:sp:AuthnContext'),
    'instant' => gmdate('Y-m-d\TH:i:s\Z', $sp->getAuthData('AuthnInstant')),
    'relay_state' => (string) $sp->getAuthData('saml:sp:RelayState'),
    'attributes' => $sp->getAttributes(),
]));
