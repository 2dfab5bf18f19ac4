<?php
session_start();
include 'inc/spolocne.php';
include 'inc/db.php';
vyzaduj_prihlasenie();
header('Content-Type: text/html; charset=windows-1250');

$id = isset($_GET['id']) ? (int)$_GET['id'] : 0;
$z = riadok("SELECT * FROM ziaci WHERE id = $id");
if (!$z) {
    header('HTTP/1.0 404 Not Found');
    $nadpis = 'iak neexistuje';
    include 'inc/hlavicka.php';
    echo "<P>iak s èíslom $id nie je v evidencii.</P>\n";
    include 'inc/paticka.php';
    exit;
}
$nadpis = $z['priezvisko'] . ' ' . $z['meno'];
include 'inc/hlavicka.php';
if (isset($_GET['ulozene'])) {
    echo "<P><FONT COLOR=\"#006600\"><B>Údaje boli uloené.</B></FONT></P>\n";
}
?>
<TABLE BORDER="0" CELLPADDING="3">
<TR><TD>Trieda:</TD><TD><A HREF="zoznam.php?trieda=<?php echo urlencode($z['trieda']) ?>"><?php echo h($z['trieda']) ?></A></TD></TR>
<TR><TD>Pohlavie:</TD><TD><?php echo $z['pohlavie'] == '' ? 'ena' : 'mu' ?></TD></TR>
<TR><TD>Dátum narodenia:</TD><TD><?php echo datum($z['narodeny']) ?></TD></TR>
<TR><TD>Adresa:</TD><TD><?php echo h($z['ulica']) ?>, <?php echo h($z['psc']) ?> <?php echo h($z['mesto']) ?></TD></TR>
<TR><TD>Telefón:</TD><TD><?php echo $z['telefon'] === null ? '<I>neuvedenı</I>' : h($z['telefon']) ?></TD></TR>
<TR><TD>Príspevok rodièov:</TD><TD><?php echo cislo($z['prispevok']) ?> Sk</TD></TR>
<TR><TD>Stav:</TD><TD><?php echo h($z['stav']) ?></TD></TR>
<TR><TD>Poznámka:</TD><TD><?php echo nl2br(h($z['poznamka'])) ?></TD></TR>
<TR><TD>Posledná zmena:</TD><TD><?php echo datumcas($z['zmenene']) ?></TD></TR>
</TABLE>
<P><A HREF="uprav.php?id=<?php echo $id ?>">Upravi údaje</A></P>
<H3>Známky</H3>
<TABLE BORDER="1" CELLPADDING="2" CELLSPACING="0">
<TR BGCOLOR="#CCCCCC"><TH>Predmet</TH><TH>Známky</TH><TH>Priemer</TH></TR>
<?php
$v = dotaz("SELECT p.nazov, GROUP_CONCAT(k.znamka ORDER BY k.datum, k.id SEPARATOR ' ') AS znamky,"
    . ' SUM(k.znamka * k.vaha) / SUM(k.vaha) AS priemer'
    . " FROM znamky k, predmety p WHERE p.id = k.predmet_id AND k.ziak_id = $id GROUP BY p.id, p.nazov ORDER BY p.nazov");
while ($k = mysql_fetch_array($v)) {
    echo '<TR><TD>' . h($k['nazov']) . '</TD><TD>' . $k['znamky'] . '</TD><TD ALIGN="right">' . cislo($k['priemer']) . "</TD></TR>\n";
}
?>
</TABLE>
<?php include 'inc/paticka.php'; ?>
