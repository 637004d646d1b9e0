<?php
$said = json_decode(file_get_contents(__DIR__ . '/said.json'), true);
$config = [
    // begin of the guide's
    'default-sp' => [
        'saml:SP',
        'entityID' => $said['base'] . '/ssp',
        'idp' => $said['entity_id'],
        'privatekey' => 'sp.key',
        'certificate' => 'sp.crt',
        'sign.authnrequest' => true,
        'sign.logout' => true,
        'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
        'WantAssertionsSigned' => true,
        'validate.logout' => true,
        'NameIDPolicy' => ['Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent', 'AllowCreate' => true],
    ],
    // end of the guide's
];
