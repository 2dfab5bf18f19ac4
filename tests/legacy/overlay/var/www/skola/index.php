<?php
session_start();
include 'inc/spolocne.php';
include 'inc/db.php';
header('Content-Type: text/html; charset=windows-1250');
$nadpis = 'Vitajte na stránkach našej školy';
include 'inc/hlavicka.php';
$pocty = riadok("SELECT COUNT(*) AS ziakov, COUNT(DISTINCT trieda) AS tried FROM ziaci WHERE stav <> 'odišiel'");
?>
<P>Dnes je <?php echo $dni[date('w')] . ' ' . date('j') . '. ' . $mesiace[(int)date('n')] . ' ' . date('Y') ?>,
na školu chodí <?php echo $pocty['ziakov'] ?> žiakov v <?php echo $pocty['tried'] ?> triedach.</P>
<H3>Oznamy</H3>
<?php
$v = dotaz('SELECT * FROM oznamy ORDER BY vlozene DESC, id DESC LIMIT 5');
while ($o = mysql_fetch_array($v)) {
?>
<TABLE WIDTH="100%" BORDER="1" CELLPADDING="3" CELLSPACING="0"><TR BGCOLOR="#DDDDFF">
<TD><B><?php echo h($o['nadpis']) ?></B></TD><TD ALIGN="right"><?php echo datum($o['vlozene']) ?></TD></TR>
<TR><TD COLSPAN="2"><?php echo nl2br(h($o['text'])) ?></TD></TR></TABLE><BR>
<?php
}
include 'inc/paticka.php';
printf("<!-- Stránka vygenerovaná za %.4f s -->\n", meraj() - $zaciatok);
?>
