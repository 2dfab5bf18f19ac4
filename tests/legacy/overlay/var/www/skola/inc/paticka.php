</TD></TR>
<TR><TD COLSPAN="2" ALIGN="center"><HR><SMALL>&copy; 2003-2006 ZŠ Štúrova &#183;
optimalizované pre rozlíšenie 1024×768</SMALL></TD></TR>
</TABLE>
</BODY>
</HTML>
