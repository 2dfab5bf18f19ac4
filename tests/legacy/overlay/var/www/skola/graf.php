<?php
// Ståpcový graf: ko¾ko je v triede ktorých známok
session_start();
include 'inc/spolocne.php';
include 'inc/db.php';
vyzaduj_prihlasenie();

$trieda = isset($_GET['trieda']) ? $_GET['trieda'] : '1.A';
$pocty = array(1 => 0, 0, 0, 0, 0);
$v = dotaz('SELECT k.znamka, COUNT(*) AS n FROM znamky k, ziaci z WHERE z.id = k.ziak_id AND z.trieda = ' . txt($trieda)
    . ' GROUP BY k.znamka');
while ($r = mysql_fetch_array($v)) {
    $pocty[$r['znamka']] = $r['n'];
}
$najviac = max(1, max($pocty));

$obr    = imagecreate(260, 160);
$biela  = imagecolorallocate($obr, 255, 255, 255);
$cierna = imagecolorallocate($obr, 0, 0, 0);
$modra  = imagecolorallocate($obr, 0, 51, 153);
foreach ($pocty as $znamka => $n) {
    $x = 20 + ($znamka - 1) * 46;
    $vyska = (int)round($n / $najviac * 110);
    imagefilledrectangle($obr, $x, 135 - $vyska, $x + 30, 135, $modra);
    imagestring($obr, 3, $x + 12, 140, (string)$znamka, $cierna);
    imagestring($obr, 1, $x + 8, 125 - $vyska, (string)$n, $cierna);
}
imageline($obr, 10, 135, 250, 135, $cierna);
header('Content-Type: image/png');
imagepng($obr);
?>
