<?php
session_start();
include 'inc/spolocne.php';
include 'inc/db.php';
vyzaduj_prihlasenie();
$adresar = '/var/www/skola/prilohy';

if ($_SERVER['REQUEST_METHOD'] == 'POST') {
    over_token();
    $s = $_FILES['subor'];
    if ($s['error'] != 0) {
        presmeruj('subory.php?akcia=vlozit&chyba=' . $s['error']);
    }
    dotaz('INSERT INTO subory (nazov, typ, velkost, popis, kategoria, vlozil, vlozene) VALUES ('
        . txt($s['name']) . ', ' . txt($s['type']) . ', ' . (int)$s['size'] . ', ' . txt($_POST['popis']) . ", 'nové', "
        . txt($_SESSION['meno']) . ', NOW())');
    $id = mysql_insert_id();
    // meno na disku nesie èas, aby sa súbory neprepisovali
    $cesta = date('Ymd-His') . '-' . $id . '.dat';
    move_uploaded_file($s['tmp_name'], "$adresar/$cesta") or die('Súbor sa nepodarilo uloi.');
    dotaz('UPDATE subory SET cesta = ' . txt($cesta) . " WHERE id = $id");
    zapis_log('súbor', 'vloenı ' . $s['name']);
    mail('riaditel@skola.sk', 'Novı súbor: ' . $s['name'],
        "Dòa " . date('Y-m-d H:i:s') . " vloil(a) $_SESSION[meno] súbor è. $id „$s[name]“.\n"
        . 'Popis: ' . $_POST['popis'] . "\n",
        "From: skola@skola.sk\nContent-Type: text/plain; charset=windows-1250");
    presmeruj("subory.php?id=$id");
}

header('Content-Type: text/html; charset=windows-1250');
$nadpis = 'Súbory na stiahnutie';
include 'inc/hlavicka.php';

if (isset($_GET['akcia']) && $_GET['akcia'] == 'vlozit') {
    if (isset($_GET['chyba'])) {
        echo '<P><FONT COLOR="#CC0000">Súbor sa nepodarilo prenies (chyba ' . (int)$_GET['chyba'] . ").</FONT></P>\n";
    }
?>
<FORM ACTION="subory.php" METHOD="post" ENCTYPE="multipart/form-data">
<?php echo novy_token() ?>

<INPUT TYPE="hidden" NAME="MAX_FILE_SIZE" VALUE="2000000">
<TABLE BORDER="0" CELLPADDING="2">
<TR><TD>Popis:</TD><TD><INPUT TYPE="text" NAME="popis" SIZE="40"></TD></TR>
<TR><TD>Súbor:</TD><TD><INPUT TYPE="file" NAME="subor"></TD></TR>
<TR><TD></TD><TD><INPUT TYPE="submit" NAME="ok" VALUE="Vloi súbor"></TD></TR>
</TABLE>
</FORM>
<?php
} elseif (isset($_GET['id'])) {
    $id = (int)$_GET['id'];
    $s = riadok("SELECT * FROM subory WHERE id = $id");
    if ($s) {
?>
<TABLE BORDER="0" CELLPADDING="3">
<TR><TD>Názov:</TD><TD><A HREF="stiahni.php?id=<?php echo $id ?>"><?php echo h($s['nazov']) ?></A></TD></TR>
<TR><TD>Popis:</TD><TD><?php echo h($s['popis']) ?></TD></TR>
<TR><TD>Ve¾kos:</TD><TD><?php echo velkost($s['velkost']) ?></TD></TR>
<TR><TD>Vloil:</TD><TD><?php echo h($s['vlozil']) ?>, <?php echo datumcas($s['vlozene']) ?></TD></TR>
</TABLE>
<?php
    } else {
        echo "<P>Súbor neexistuje.</P>\n";
    }
} else {
    $kategoria = isset($_GET['kategoria']) ? $_GET['kategoria'] : 'tlaèivá';
    echo '<P>Kategória: <B>' . h($kategoria) . "</B> &nbsp; <A HREF=\"subory.php?akcia=vlozit\">Vloi novı súbor</A></P>\n";
    echo "<TABLE BORDER=\"1\" CELLPADDING=\"2\" CELLSPACING=\"0\">\n<TR BGCOLOR=\"#CCCCCC\"><TH>Súbor</TH><TH>Popis</TH><TH>Ve¾kos</TH><TH>Vloené</TH></TR>\n";
    $v = dotaz('SELECT id, nazov, popis, velkost, vlozene FROM subory WHERE kategoria = ' . txt($kategoria) . ' ORDER BY nazov, id');
    while ($s = mysql_fetch_array($v)) {
        echo '<TR><TD><A HREF="stiahni.php?id=' . $s['id'] . '">' . h($s['nazov']) . '</A></TD><TD>' . h($s['popis']) . '</TD><TD ALIGN="right">'
            . velkost($s['velkost']) . '</TD><TD>' . datumcas($s['vlozene']) . "</TD></TR>\n";
    }
    echo "</TABLE>\n";
}
include 'inc/paticka.php';
?>
