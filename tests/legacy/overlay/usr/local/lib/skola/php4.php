<?php
// Lets the school's PHP 4 application run on PHP 8: the mysql_* functions it calls, on top of mysqli, and PHP 4's time zone.
// Loaded before every page by auto_prepend_file, so that the application's own files stay as they were.

// PHP 4 followed the system's zone; PHP 8 assumes UTC unless told otherwise.
date_default_timezone_set(trim((string) @file_get_contents('/etc/timezone')) ?: 'UTC');

// PHP 4 returned false and went on; mysqli throws.
mysqli_report(MYSQLI_REPORT_OFF);

define('MYSQL_ASSOC', MYSQLI_ASSOC);
define('MYSQL_NUM', MYSQLI_NUM);
define('MYSQL_BOTH', MYSQLI_BOTH);

// The connection that functions use when none is given, as in PHP 4.
function mysql_last_link($link = null)
{
    static $last = null;
    if ($link !== null) {
        $last = $link;
    }
    return $last;
}

function mysql_connect($server = 'localhost', $user = '', $password = '')
{
    $link = @mysqli_connect($server, $user, $password);
    return $link ? mysql_last_link($link) : false;
}

function mysql_pconnect($server = 'localhost', $user = '', $password = '')
{
    return mysql_connect($server, $user, $password);
}

function mysql_close($link = null)
{
    return mysqli_close($link ?: mysql_last_link());
}

function mysql_select_db($database, $link = null)
{
    return mysqli_select_db($link ?: mysql_last_link(), $database);
}

function mysql_query($sql, $link = null)
{
    $link = $link ?: mysql_last_link();
    // mysqli escapes by the character set it has been told of, not by what SET NAMES told the server.
    if (preg_match('/^\s*SET\s+NAMES\s+[\'"]?(\w+)[\'"]?\s*$/i', $sql, $names)) {
        return mysqli_set_charset($link, $names[1]);
    }
    return mysqli_query($link, $sql);
}

function mysql_fetch_array($result, $type = MYSQL_BOTH)
{
    return mysqli_fetch_array($result, $type) ?? false;
}

function mysql_fetch_assoc($result)
{
    return mysqli_fetch_assoc($result) ?? false;
}

function mysql_fetch_row($result)
{
    return mysqli_fetch_row($result) ?? false;
}

function mysql_fetch_object($result)
{
    return mysqli_fetch_object($result) ?? false;
}

function mysql_num_rows($result)
{
    return mysqli_num_rows($result);
}

function mysql_result($result, $row, $field = 0)
{
    mysqli_data_seek($result, $row);
    $values = mysqli_fetch_array($result);
    return $values[$field] ?? false;
}

function mysql_free_result($result)
{
    mysqli_free_result($result);
    return true;
}

function mysql_affected_rows($link = null)
{
    return mysqli_affected_rows($link ?: mysql_last_link());
}

function mysql_insert_id($link = null)
{
    return mysqli_insert_id($link ?: mysql_last_link());
}

function mysql_real_escape_string($text, $link = null)
{
    return mysqli_real_escape_string($link ?: mysql_last_link(), (string) $text);
}

function mysql_error($link = null)
{
    return mysqli_error($link ?: mysql_last_link());
}

function mysql_errno($link = null)
{
    return mysqli_errno($link ?: mysql_last_link());
}
