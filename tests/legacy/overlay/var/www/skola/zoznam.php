<?php
session_start();
include 'inc/spolocne.php';
include 'inc/db.php';
vyzaduj_prihlasenie();
header('Content-Type: text/html; charset=windows-1250');

$trieda = isset($_GET['trieda']) ? $_GET['trieda'] : '1.A';
$nadpis = 'Zoznam iakov triedy ' . $trieda;
include 'inc/hlavicka.php';
?>
<FORM ACTION="zoznam.php" METHOD="get">Trieda: <SELECT NAME="trieda">
<?php
$v = dotaz('SELECT * FROM triedy ORDER BY rocnik, nazov');
while ($t = mysql_fetch_array($v)) {
    echo '<OPTION' . ($t['nazov'] == $trieda ? ' SELECTED' : '') . '>' . h($t['nazov']) . "\n";
}
?>
</SELECT> <INPUT TYPE="submit" VALUE="Zobraz"></FORM>
<?php
$t = riadok('SELECT t.*, u.titul, u.meno, u.priezvisko FROM triedy t LEFT JOIN ucitelia u ON u.id = t.triedny_id'
    . ' WHERE t.nazov = ' . txt($trieda));
if (!$t) {
    echo '<P>Trieda neexistuje.</P>';
} else {
?>
<P>Triedny uèite¾: <B><?php echo h(trim($t['titul'] . ' ' . $t['meno'] . ' ' . $t['priezvisko'])) ?></B>, miestnos <?php echo h($t['miestnost']) ?>
 &nbsp; <A HREF="export.php?trieda=<?php echo urlencode($trieda) ?>">Export do Excelu</A>
 <A HREF="graf.php?trieda=<?php echo urlencode($trieda) ?>">Graf</A></P>
<TABLE BORDER="1" CELLPADDING="2" CELLSPACING="0" CLASS="zoznam">
<TR BGCOLOR="#CCCCCC"><TH>È.</TH><TH>Priezvisko</TH><TH>Meno</TH><TH>Narodenı/á</TH><TH>Bydlisko</TH><TH>Priemer</TH></TR>
<?php
    $v = dotaz('SELECT z.*, AVG(k.znamka) AS priemer FROM ziaci z LEFT JOIN znamky k ON k.ziak_id = z.id'
        . ' WHERE z.trieda = ' . txt($trieda) . ' GROUP BY z.id ORDER BY z.priezvisko, z.meno, z.id');
    $c = 0;
    while ($z = mysql_fetch_array($v)) {
        $c++;
        echo '<TR' . ($c % 2 ? '' : ' BGCOLOR="#F4F4F4"') . "><TD ALIGN=\"right\">$c.</TD><TD><A HREF=\"ziak.php?id=" . $z['id'] . '">'
            . h($z['priezvisko']) . '</A></TD><TD>' . h($z['meno']) . '</TD><TD>' . datum($z['narodeny']) . '</TD><TD>'
            . h($z['mesto']) . '</TD><TD ALIGN="right">' . cislo($z['priemer']) . "</TD></TR>\n";
    }
    echo "</TABLE>\n<P>Poèet iakov: $c</P>\n";
}
include 'inc/paticka.php';
?>
