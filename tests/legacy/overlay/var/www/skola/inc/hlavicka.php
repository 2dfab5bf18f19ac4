<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">
<HTML>
<HEAD>
<?php if (!empty($meta_kodovanie)) { ?>
<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=windows-1250">
<?php } ?>
<TITLE><?php echo h($nadpis) ?> - ZŠ Štúrova</TITLE>
<LINK REL="stylesheet" TYPE="text/css" HREF="styl.css">
</HEAD>
<BODY BGCOLOR="#FFFFFF" TEXT="#000000" LINK="#003399">
<TABLE WIDTH="760" BORDER="0" CELLPADDING="4" CELLSPACING="0" ALIGN="center">
<TR BGCOLOR="#003399"><TD COLSPAN="2"><IMG SRC="obrazky/logo.gif" WIDTH="32" HEIGHT="32" ALT="logo">
<FONT COLOR="#FFFFFF" SIZE="5"><B>Základná škola Štúrova, Žiar nad Hronom</B></FONT></TD></TR>
<TR><TD WIDTH="140" VALIGN="top" BGCOLOR="#EEEEEE">
<A HREF="index.php">Úvod</A><BR>
<A HREF="dnes.php">Dnes v škole</A><BR>
<A HREF="rozvrh.html">Rozvrh hodín</A><BR>
<A HREF="zoznam.php?trieda=1.A">Zoznam žiakov</A><BR>
<A HREF="hladaj.php">Hľadanie</A><BR>
<A HREF="subory.php">Súbory na stiahnutie</A><BR>
<?php if (isset($_SESSION['ucitel_id'])) { ?>
<HR><B><?php echo h($_SESSION['cele_meno']) ?></B><BR>
<A HREF="odhlasenie.php">Odhlásiť</A>
<?php } else { ?>
<HR><A HREF="prihlasenie.php">Prihlásenie</A>
<?php } ?>
</TD><TD VALIGN="top">
<H2><?php echo h($nadpis) ?></H2>
