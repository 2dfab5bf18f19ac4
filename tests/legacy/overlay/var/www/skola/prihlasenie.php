<?php
session_start();
include 'inc/spolocne.php';
include 'inc/db.php';
$chyba = '';

if ($_SERVER['REQUEST_METHOD'] == 'POST') {
    over_token();
    $u = riadok('SELECT * FROM ucitelia WHERE prihlasovacie_meno = ' . txt($_POST['meno'])
        . ' AND heslo = ' . txt(md5($_POST['heslo'])));
    if ($u) {
        $_SESSION['ucitel_id'] = $u['id'];
        $_SESSION['meno']      = $u['prihlasovacie_meno'];
        $_SESSION['cele_meno'] = trim($u['titul'] . ' ' . $u['meno'] . ' ' . $u['priezvisko']);
        presmeruj('zoznam.php?trieda=' . urlencode($u['trieda'] ? $u['trieda'] : '1.A'));
    }
    $chyba = 'Nesprávne meno alebo heslo!';
}

header('Content-Type: text/html; charset=windows-1250');
$nadpis = 'Prihlásenie uèite¾a';
include 'inc/hlavicka.php';
if ($chyba) {
    echo '<P><FONT COLOR="#CC0000"><B>' . $chyba . "</B></FONT></P>\n";
}
?>
<FORM ACTION="prihlasenie.php" METHOD="post">
<?php echo novy_token() ?>

<TABLE BORDER="0" CELLPADDING="2">
<TR><TD>Prihlasovacie meno:</TD><TD><INPUT TYPE="text" NAME="meno" SIZE="20" MAXLENGTH="30" VALUE="<?php echo h(isset($_POST['meno']) ? $_POST['meno'] : '') ?>"></TD></TR>
<TR><TD>Heslo:</TD><TD><INPUT TYPE="password" NAME="heslo" SIZE="20"></TD></TR>
<TR><TD></TD><TD><INPUT TYPE="submit" NAME="ok" VALUE="Prihlási"></TD></TR>
</TABLE>
</FORM>
<?php include 'inc/paticka.php'; ?>
