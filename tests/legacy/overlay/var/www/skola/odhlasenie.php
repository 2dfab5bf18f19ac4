<?php
session_start();
include 'inc/spolocne.php';
$_SESSION = array();
session_destroy();
presmeruj('index.php');
?>
