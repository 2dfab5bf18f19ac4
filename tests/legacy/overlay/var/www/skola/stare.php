<?php
// adresa zo školského èasopisu z roku 2001, odkazujú na òu aj iné weby
header('HTTP/1.1 301 Moved Permanently');
header('Location: http://' . $_SERVER['HTTP_HOST'] . '/index.php');
?>
