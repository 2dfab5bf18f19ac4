<?php
session_start();
include 'inc/spolocne.php';
include 'inc/db.php';
vyzaduj_prihlasenie();

$id = isset($_REQUEST['id']) ? (int)$_REQUEST['id'] : 0;
$z = riadok("SELECT * FROM ziaci WHERE id = $id");
if (!$z) {
    presmeruj('zoznam.php');
}

if ($_SERVER['REQUEST_METHOD'] == 'POST') {
    over_token();
    dotaz('UPDATE ziaci SET priezvisko = ' . txt($_POST['priezvisko']) . ', meno = ' . txt($_POST['meno'])
        . ', ulica = ' . txt($_POST['ulica']) . ', mesto = ' . txt($_POST['mesto'])
        . ', telefon = ' . ($_POST['telefon'] == '' ? 'NULL' : txt($_POST['telefon']))
        . ', poznamka = ' . txt(str_replace("\r\n", "\n", $_POST['poznamka']))
        . ", zmenene = NOW() WHERE id = $id");
    zapis_log('úprava', 'žiak è. ' . $id . ': ' . $_POST['priezvisko']);
    presmeruj("ziak.php?id=$id&ulozene=1");
}

header('Content-Type: text/html; charset=windows-1250');
$nadpis = 'Úprava údajov žiaka';
include 'inc/hlavicka.php';
?>
<FORM ACTION="uprav.php" METHOD="post">
<?php echo novy_token() ?>

<INPUT TYPE="hidden" NAME="id" VALUE="<?php echo $id ?>">
<TABLE BORDER="0" CELLPADDING="2">
<?php
$polia = array('priezvisko' => 'Priezvisko', 'meno' => 'Meno', 'ulica' => 'Ulica a èíslo', 'mesto' => 'Mesto', 'telefon' => 'Telefón');
foreach ($polia as $pole => $popis) {
    echo "<TR><TD>$popis:</TD><TD><INPUT TYPE=\"text\" NAME=\"$pole\" SIZE=\"40\" VALUE=\"" . h($z[$pole]) . "\"></TD></TR>\n";
}
?>
<TR><TD VALIGN="top">Poznámka:</TD><TD><TEXTAREA NAME="poznamka" ROWS="4" COLS="40"><?php echo h($z['poznamka']) ?></TEXTAREA></TD></TR>
<TR><TD></TD><TD><INPUT TYPE="submit" NAME="ok" VALUE="Uloži zmeny"></TD></TR>
</TABLE>
</FORM>
<?php include 'inc/paticka.php'; ?>
