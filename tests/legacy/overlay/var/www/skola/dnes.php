<?php
session_start();
include 'inc/spolocne.php';
include 'inc/db.php';
$meta_kodovanie = true;
$nadpis = 'Dnes v škole';
include 'inc/hlavicka.php';
$server = riadok('SELECT NOW() AS teraz, VERSION() AS verzia');
?>
<P>Dátum: <B><?php echo date('j.n.Y') ?></B><BR>
Èas na serveri: <B><?php echo date('H:i:s') ?></B><BR>
Èas v databáze: <B><?php echo $server['teraz'] ?></B><BR>
Èasové pásmo: <?php echo date('T O') ?></P>
<P>Rozvrhový deò: <?php echo $dni[date('w')] ?></P>
<?php
include 'inc/paticka.php';
printf("<SMALL>Stránka vygenerovaná za %.4f s</SMALL>\n", meraj() - $zaciatok);
?>
