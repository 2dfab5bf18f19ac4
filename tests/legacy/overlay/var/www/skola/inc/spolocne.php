<?php
// Spoloèné funkcie pre všetky stránky

function meraj()
{
    list($usec, $sec) = explode(' ', microtime());
    return (float)$usec + (float)$sec;
}
$zaciatok = meraj();

// výpis textu do stránky
function h($text)
{
    return htmlspecialchars((string)$text, ENT_QUOTES, 'cp1252');
}

// 2004-09-01 -> 1.9.2004
function datum($sql)
{
    if (!$sql || substr($sql, 0, 4) == '0000') {
        return '-';
    }
    list($r, $m, $d) = explode('-', substr($sql, 0, 10));
    return (int)$d . '.' . (int)$m . '.' . $r;
}

// 2004-09-01 12:30:00 -> 01.09.2004 12:30:00
function datumcas($sql)
{
    if (!$sql) {
        return 'nikdy';
    }
    return date('d.m.Y H:i:s', strtotime($sql));
}

function cislo($x, $miest = 2)
{
    return $x === null ? '-' : number_format($x, $miest, ',', ' ');
}

function velkost($bajtov)
{
    if ($bajtov < 1024) {
        return $bajtov . ' B';
    }
    return cislo($bajtov / 1024, 1) . ' kB';
}

function presmeruj($kam)
{
    header('Location: ' . $kam);
    exit;
}

function vyzaduj_prihlasenie()
{
    if (!isset($_SESSION['ucitel_id'])) {
        presmeruj('prihlasenie.php');
    }
}

// ochrana pred dvojitým odoslaním formulára
function novy_token()
{
    $_SESSION['token'] = md5(uniqid(rand()));
    return '<INPUT TYPE="hidden" NAME="token" VALUE="' . $_SESSION['token'] . '">';
}

function over_token()
{
    if (!isset($_POST['token'], $_SESSION['token']) || $_POST['token'] != $_SESSION['token']) {
        header('HTTP/1.0 403 Forbidden');
        die('Formulár už bol odoslaný alebo vypršalo prihlásenie.');
    }
    unset($_SESSION['token']);
}

$dni     = array('nede¾a', 'pondelok', 'utorok', 'streda', 'štvrtok', 'piatok', 'sobota');
$mesiace = array(1 => 'januára', 'februára', 'marca', 'apríla', 'mája', 'júna',
    'júla', 'augusta', 'septembra', 'októbra', 'novembra', 'decembra');
?>
