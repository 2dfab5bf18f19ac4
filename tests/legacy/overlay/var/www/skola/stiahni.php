<?php
session_start();
include 'inc/spolocne.php';
include 'inc/db.php';
vyzaduj_prihlasenie();

$id = isset($_GET['id']) ? (int)$_GET['id'] : 0;
$s = riadok("SELECT * FROM subory WHERE id = $id");
if (!$s) {
    header('HTTP/1.0 404 Not Found');
    die('Súbor neexistuje.');
}
// staré súbory sú v databáze, od roku 2004 sa ukladajú na disk
$obsah = $s['obsah'] !== null ? $s['obsah'] : file_get_contents('/var/www/skola/prilohy/' . basename($s['cesta']));
header('Content-Type: ' . $s['typ']);
header('Content-Disposition: attachment; filename="' . str_replace('"', '', $s['nazov']) . '"');
header('Content-Length: ' . strlen($obsah));
echo $obsah;
?>
