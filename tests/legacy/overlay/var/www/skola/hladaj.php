<?php
session_start();
include 'inc/spolocne.php';
include 'inc/db.php';
vyzaduj_prihlasenie();

// Kódovanie tu nikto nikdy neuviedol; prehliadaèe v škole majú nastavené windows-1250.
$q = isset($_GET['q']) ? trim($_GET['q']) : '';
$nadpis = 'H¾adanie žiakov';
include 'inc/hlavicka.php';
?>
<FORM ACTION="hladaj.php" METHOD="get">
<INPUT TYPE="text" NAME="q" SIZE="30" VALUE="<?php echo h($q) ?>"> <INPUT TYPE="submit" VALUE="H¾adaj">
</FORM>
<?php
if ($q != '') {
    $vzor = str_replace(array('%', '_'), array('\\%', '\\_'), mysql_real_escape_string($q));
    $v = dotaz("SELECT id, priezvisko, meno, trieda FROM ziaci WHERE priezvisko LIKE '$vzor%' OR meno LIKE '$vzor%'"
        . ' ORDER BY priezvisko, meno, trieda, id LIMIT 50');
    echo '<P>H¾adaný výraz: <B>' . h($q) . '</B>, nájdených: ' . mysql_num_rows($v) . "</P>\n<OL>\n";
    while ($z = mysql_fetch_array($v)) {
        echo '<LI><A HREF="ziak.php?id=' . $z['id'] . '">' . h($z['priezvisko'] . ' ' . $z['meno']) . '</A> (' . h($z['trieda']) . ")\n";
    }
    echo "</OL>\n";
}
include 'inc/paticka.php';
?>
